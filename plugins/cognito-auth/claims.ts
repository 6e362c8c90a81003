import { refusal, insufficientScope, missingGroup } from './errors.ts'

export type TokenUse = 'id' | 'access'

/** The rules that the claims of a pool's tokens must satisfy. */
export interface ClaimRules {
  /** `null` accepts any app client of the pool. */
  clientIds: ReadonlySet<string> | null
  tokenUse: ReadonlySet<TokenUse>
  /** Values that the `aud` of an access token may have besides a client id (RFC 8707). */
  audience: ReadonlySet<string>
  /** A token must have one of them; empty for no such rule. */
  groups: readonly string[]
  /** A token must have one of them; empty for no such rule. */
  scope: readonly string[]
  /** Leeway for `exp` and `nbf` (RFC 7519 4.1.4), in milliseconds. */
  graceMs: number
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
 * @throws {CognitoAuthError}
 */
export function checkClaims (claims: Record<string, unknown>, rules: ClaimRules, now: number): Claims {
  const { iss, sub, exp, nbf, token_use: tokenUse } = claims

  // RFC 7519 4.1.4 and 4.1.5.
  if (typeof exp !== 'number' || !(exp <= endOfTime)) throw refusal('expiry', 'The token has no sensible expiry time')
  if (exp * 1000 + rules.graceMs <= now) throw refusal('expired', `The token expired at ${isoSeconds(exp)}`)
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 - rules.graceMs <= now)) {
    throw refusal('not_yet_valid', 'The token is not valid yet')
  }

  if (tokenUse !== 'id' && tokenUse !== 'access') throw refusal('token_use', 'The token is neither an id token nor an access token')
  if (!rules.tokenUse.has(tokenUse)) {
    throw refusal('token_use', `An ${tokenUse} token is not accepted here, ${[...rules.tokenUse].join(' or ')} is`)
  }
  checkClient(claims, tokenUse, rules)

  if (typeof sub !== 'string' || sub === '' || !isStorable(sub)) throw refusal('subject', 'The token does not name its subject')
  if (typeof iss !== 'string') throw refusal('issuer', 'The token does not name its issuer')
  return { ...claims, iss, sub, exp, token_use: tokenUse }
}

// An id token names the client in `aud`, an access token in `client_id`; an `aud` in an access token is a
// resource (RFC 8707).
function checkClient (claims: Record<string, unknown>, tokenUse: TokenUse, { clientIds, audience }: ClaimRules): void {
  const client = tokenUse === 'id' ? claims.aud : claims.client_id
  if (typeof client !== 'string' || clientIds?.has(client) === false) {
    throw refusal('client', 'The token was issued to another app client')
  }
  if (tokenUse !== 'access' || claims.aud === undefined || (clientIds === null && audience.size === 0)) return
  const resources = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  if (!resources.some(resource => audience.has(resource) || clientIds?.has(resource))) {
    throw refusal('audience', 'The token is for another resource')
  }
}

/**
 * Checks the groups and scopes that every token of a pool must have.
 * @throws {CognitoAuthError}
 */
export function checkMembership (groups: readonly string[], scopes: readonly string[], rules: ClaimRules): void {
  if (rules.groups.length > 0 && !rules.groups.some(group => groups.includes(group))) throw missingGroup(rules.groups)
  if (rules.scope.length > 0 && !rules.scope.some(scope => scopes.includes(scope))) {
    throw insufficientScope(rules.scope, `This needs an access token with one of the scopes ${rules.scope.join(', ')}`)
  }
}

/** Whether a database can hold a text: no NUL, no lone surrogate, at most 255 characters. */
export function isStorable (text: string): boolean {
  return text.length <= 255 && text.isWellFormed() && !text.includes('\0')
}

function isoSeconds (seconds: number): string {
  return new Date(Math.max(seconds, -endOfTime) * 1000).toISOString()
}
