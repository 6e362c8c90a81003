import { isStorable, type Claims, type TokenUse } from './claims.ts'
import type { Issuer } from './issuers.ts'
import { isEmailVerified } from './verified-email.ts'

/** Who sent a request, as a verified Cognito token says; frozen, since requests with the same token share it. */
export interface VerifiedUser {
  /** The original issuer of the user pool, also where the token names its updated one: a user stays the same through that change. */
  readonly issuer: string
  readonly userPoolId: string
  readonly subject: string
  readonly username: string
  /** Id tokens only. */
  readonly email: string | null
  readonly emailVerified: boolean
  readonly groups: readonly string[]
  /** Access tokens only. */
  readonly scopes: readonly string[]
  readonly tokenUse: TokenUse
  /** When the user signed in, or where that is not said, when the token was issued, in seconds since the epoch. */
  readonly authTime: number | null
  /** The session that the token belongs to: all that one sign-in and its refreshes gave share it. */
  readonly originJti: string | null
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html */
export function verifiedUser (claims: Claims, { original, userPoolId }: Issuer): VerifiedUser {
  const isIdToken = claims.token_use === 'id'
  const username = text(isIdToken ? claims['cognito:username'] : claims.username)
  const groups = claims['cognito:groups']
  return Object.freeze({
    issuer: original,
    userPoolId,
    subject: claims.sub,
    username: username ?? claims.sub,
    email: isIdToken ? text(claims.email) : null,
    emailVerified: isIdToken && isEmailVerified({ verified: claims.email_verified, identities: claims.identities }, 'token'),
    groups: Object.freeze(Array.isArray(groups) ? groups.filter(group => typeof group === 'string') : []),
    scopes: Object.freeze(!isIdToken && typeof claims.scope === 'string' ? claims.scope.split(' ').filter(scope => scope !== '') : []),
    tokenUse: claims.token_use,
    authTime: number(claims.auth_time) ?? number(claims.iat),
    originJti: text(claims.origin_jti),
    expiresAt: claims.exp
  })
}

function text (claim: unknown): string | null {
  return typeof claim === 'string' && claim !== '' && isStorable(claim) ? claim : null
}

function number (claim: unknown): number | null {
  return Number.isSafeInteger(claim) ? Number(claim) : null
}
