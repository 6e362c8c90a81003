import { TokenRefusal } from './refusal.ts'

export type TokenUse = 'id' | 'access'

export interface ClaimRules {
  clientIds: ReadonlySet<string>
  tokenUse: ReadonlySet<TokenUse>
}

/** The claims of a Cognito token whose signature verified and that have been checked. */
export interface Claims {
  [name: string]: unknown
  iss: string
  sub: string
  /** Seconds since the epoch. */
  exp: number
  token_use: TokenUse
}

/** The last moment that a Date can hold, in seconds since the epoch. */
const endOfTime = 8.64e12

/**
 * Checks the claims of a token whose signature has verified and whose issuer is trusted.
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
 * @param now milliseconds since the epoch
 * @throws {TokenRefusal}
 */
export function checkClaims (claims: Record<string, unknown>, rules: ClaimRules, now: number): Claims {
  const { iss, sub, exp, nbf, token_use: tokenUse } = claims

  // RFC 7519 4.1.4 and 4.1.5, without leeway.
  if (typeof exp !== 'number' || !(exp <= endOfTime)) throw new TokenRefusal('expiry', 'The token has no sensible expiry time')
  if (exp * 1000 <= now) throw new TokenRefusal('expired', `The token expired at ${isoSeconds(exp)}`)
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 <= now)) {
    throw new TokenRefusal('not_yet_valid', 'The token is not valid yet')
  }

  if (tokenUse !== 'id' && tokenUse !== 'access') throw new TokenRefusal('token_use', 'The token is neither an id token nor an access token')
  if (!rules.tokenUse.has(tokenUse)) {
    throw new TokenRefusal('token_use', `An ${tokenUse} token is not accepted here, ${[...rules.tokenUse].join(' or ')} is`)
  }

  const client = tokenUse === 'id' ? claims.aud : claims.client_id
  if (typeof client !== 'string' || !rules.clientIds.has(client)) {
    throw new TokenRefusal('client', 'The token was issued to another app client')
  }

  if (typeof sub !== 'string' || sub === '' || !isStorable(sub)) throw new TokenRefusal('subject', 'The token does not name its subject')
  if (typeof iss !== 'string') throw new TokenRefusal('issuer', 'The token does not name its issuer')
  return { ...claims, iss, sub, exp, token_use: tokenUse }
}

/** Whether a text can be kept in any of the databases: no NUL, no lone surrogate, not endless. */
export function isStorable (text: string): boolean {
  return text.length <= 255 && text.isWellFormed() && !text.includes('\0')
}

function isoSeconds (seconds: number): string {
  return new Date(Math.max(seconds, -endOfTime) * 1000).toISOString()
}
