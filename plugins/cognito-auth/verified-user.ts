import { isStorable, type Claims, type TokenUse } from './claims.ts'
import type { CustomClaims } from './custom-claims.ts'
import type { Issuer } from './issuers.ts'
import { isEmailVerified } from './verified-email.ts'

/**
 * The user that a verified Cognito token names. It is frozen, because requests with the same token share it.
 */
export interface VerifiedUser<Custom extends object = CustomClaims> {
  /** Issuer and subject in one text: the key of the user among those of all user pools. */
  readonly key: string
  /** The pool's original issuer, also where the token names its updated or a replica's issuer. */
  readonly issuer: string
  readonly userPoolId: string
  /** The `sub`: it never changes, and Cognito never gives it to another user. */
  readonly subject: string
  /** `cognito:username` or `username`; the subject where the token has neither. */
  readonly username: string
  /** The app client that the token was issued to. */
  readonly clientId: string
  /** Id tokens only. */
  readonly email: string | null
  readonly emailVerified: boolean
  readonly groups: readonly string[]
  /** Access tokens only. */
  readonly scopes: readonly string[]
  readonly tokenUse: TokenUse
  /** When the user signed in, or else when the token was issued, in seconds since the epoch. */
  readonly authTime: number | null
  /** The session of the token: one sign-in and its refreshes share it. */
  readonly originJti: string | null
  /** Seconds since the epoch. */
  readonly expiresAt: number
  /** All claims of the token, as they are. */
  readonly claims: Readonly<Claims> & Readonly<Custom>
}

/**
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
 */
export function verifiedUser (claims: Claims, { original, userPoolId }: Issuer): VerifiedUser {
  const isIdToken = claims.token_use === 'id'
  const username = text(isIdToken ? claims['cognito:username'] : claims.username)
  const groups = claims['cognito:groups']
  return Object.freeze({
    key: identityKey(original, claims.sub),
    issuer: original,
    userPoolId,
    subject: claims.sub,
    username: username ?? claims.sub,
    clientId: text(isIdToken ? claims.aud : claims.client_id) ?? '',
    email: isIdToken ? text(claims.email) : null,
    emailVerified: isIdToken && isEmailVerified({ verified: claims.email_verified, identities: claims.identities }, 'token'),
    groups: Object.freeze(Array.isArray(groups) ? groups.filter(group => typeof group === 'string') : []),
    scopes: Object.freeze(!isIdToken && typeof claims.scope === 'string' ? claims.scope.split(' ').filter(scope => scope !== '') : []),
    tokenUse: claims.token_use,
    authTime: number(claims.auth_time) ?? number(claims.iat),
    originJti: text(claims.origin_jti),
    expiresAt: claims.exp,
    claims: deepFreeze(claims)
  })
}

/** The `key` of the user with this identity. */
export function identityKey (issuer: string, subject: string): string {
  return `${issuer} ${subject}`
}

function text (claim: unknown): string | null {
  return typeof claim === 'string' && claim !== '' && isStorable(claim) ? claim : null
}

function number (claim: unknown): number | null {
  return Number.isSafeInteger(claim) ? Number(claim) : null
}

function deepFreeze<Value extends object> (value: Value): Value {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFreeze(member)
  return Object.freeze(value)
}
