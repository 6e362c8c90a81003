import type { RefusalReason } from '../../plugins/cognito-auth/index.ts'
import type { Config } from '../config.ts'

/** Reasons that are not found in a token. */
const elsewhere = ['no_token', 'custom_check', 'group', 'scope', 'keys_unavailable'] as const

export type ExplainedReason = Exclude<RefusalReason, typeof elsewhere[number]> | 'signed_out'

/** Whether a problem's reason is found in the token itself. */
export function isExplained (reason: string | undefined): reason is ExplainedReason {
  return reason !== undefined && !elsewhere.some(other => other === reason)
}

/** Why a token is refused, in plain words. What is found are single values of its header and claims, never the token. */
export interface Explanation {
  expected: string
  found: string
  fix: string
}

export type TokenRules = Pick<Config, 'clientIds' | 'tokenUse' | 'jwksMaxAgeSeconds'> & { issuers: string[] }

/** What a token says of itself, as far as it can be read; nothing of it is verified. */
export interface TokenParts {
  segments: number
  length: number
  header: Record<string, unknown>
  claims: Record<string, unknown>
}

/** Reads what can be read of a token, however broken it is. */
export function readLeniently (token: string): TokenParts {
  const segments = token.split('.')
  return { segments: segments.length, length: token.length, header: decode(segments[0]), claims: decode(segments[1]) }
}

/** @param now milliseconds since the epoch */
export function explainRefusal (reason: ExplainedReason, { segments, length, header, claims }: TokenParts, rules: TokenRules, now: number): Explanation {
  switch (reason) {
    case 'two_headers':
      return { expected: 'one Authorization header', found: 'two', fix: 'Send one; look for a proxy or a client that adds its own.' }
    case 'too_long':
      return { expected: 'at most 16,384 characters', found: `${length}`, fix: 'Send the token alone. Many groups or custom attributes make a token long.' }
    case 'malformed':
      return { expected: 'three base64url segments, the first two of them JSON objects in UTF-8', found: `${segments} segments in ${length} characters`, fix: 'Copy the whole token, without quotes, line breaks or padding. A refresh token has five segments and is for Cognito alone.' }
    case 'algorithm':
      return { expected: 'alg RS256', found: `alg ${show(header.alg)}`, fix: 'Cognito signs with RS256 only: this token is not its work.' }
    case 'key_id':
      return { expected: 'a kid of 1 to 128 characters', found: `kid ${show(header.kid)}`, fix: 'Cognito names the key in every token: this token is not its work.' }
    case 'critical_header':
      return { expected: 'no crit and no b64 in the header', found: Object.keys(header).join(', '), fix: 'Cognito sends neither: this token is not its work.' }
    case 'issuer':
      return { expected: `iss ${rules.issuers.join(' or ')}`, found: `iss ${show(claims.iss)}`, fix: 'The token is from another user pool, region or endpoint: sign in at the right one, or correct AWS_USER_POOLS_ID or AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER.' }
    case 'unknown_key':
      return { expected: 'a kid that the user pool publishes', found: `kid ${show(header.kid)}`, fix: `Sign in again: the key may have been withdrawn. A key published a moment ago is known within seconds; keys are fetched anew every ${rules.jwksMaxAgeSeconds} s.` }
    case 'signature':
      return { expected: `a signature by the key ${show(header.kid)}`, found: 'one that does not verify', fix: 'The token was changed after it was signed, cut short, or forged. Copy it again, whole.' }
    case 'expired':
      return { expected: 'an exp in the future', found: `exp ${time(claims.exp)}, ${ago(claims.exp, now)}`, fix: clockHint(claims, now) ?? 'Sign in again, or use the refresh token.' }
    case 'expiry':
      return { expected: 'an exp that is a time, in seconds', found: `exp ${show(claims.exp)}`, fix: 'Cognito sets it in every token: this token is not its work.' }
    case 'not_yet_valid':
      return { expected: 'an nbf that is absent or past', found: `nbf ${time(claims.nbf)}, ${ago(claims.nbf, now)}`, fix: 'If the token is fresh, the clock of this machine is behind: synchronise it (NTP).' }
    case 'token_use':
      return { expected: `token_use ${rules.tokenUse.join(' or ')}`, found: `token_use ${show(claims.token_use)}`, fix: `Send the ${rules.tokenUse.join(' or the ')} token that the same sign-in gave, or change COGNITO_TOKEN_USE.` }
    case 'client':
      return claims.token_use === 'access'
        ? { expected: `client_id ${rules.clientIds.join(' or ')}`, found: `client_id ${show(claims.client_id)}`, fix: 'Sign in with the right app client, or add it to AWS_APP_CLIENT_ID.' }
        : { expected: `aud ${rules.clientIds.join(' or ')}`, found: `aud ${show(claims.aud)}`, fix: 'Sign in with the right app client, or add it to AWS_APP_CLIENT_ID.' }
    case 'audience':
      return { expected: `no aud, or aud ${rules.clientIds.join(' or ')}`, found: `aud ${show(claims.aud)}`, fix: 'The token is for another resource: ask for this one at sign-in.' }
    case 'subject':
      return { expected: 'a sub of 1 to 255 characters', found: `sub ${show(claims.sub)}`, fix: 'Cognito names the user in every token: this token is not its work.' }
    case 'signed_out':
      return { expected: 'a session begun after the last sign-out', found: `auth_time ${time(claims.auth_time)}`, fix: 'Sign in again.' }
  }
}

// A token that was issued in the future, or expired just now, points to a clock.
function clockHint ({ iat, exp }: Record<string, unknown>, now: number): string | undefined {
  if (typeof iat === 'number' && iat * 1000 > now) return `The token was issued ${ago(iat, now)}: the clock of this machine is behind. Synchronise it (NTP).`
  if (typeof exp === 'number' && now - exp * 1000 < 300_000) return 'Sign in again, or use the refresh token. If the token is fresh, the clock of this machine is ahead: synchronise it (NTP).'
  return undefined
}

function ago (seconds: unknown, now: number): string {
  if (typeof seconds !== 'number') return 'which is not a time'
  const distance = Math.round(Math.abs(now / 1000 - seconds))
  const [count, unit] = distance < 120 ? [distance, 's'] : distance < 7200 ? [Math.round(distance / 60), 'min'] : distance < 172_800 ? [Math.round(distance / 3600), 'h'] : [Math.round(distance / 86_400), 'days']
  return seconds * 1000 > now ? `in ${count} ${unit}` : `${count} ${unit} ago`
}

function time (seconds: unknown): string {
  return typeof seconds === 'number' && Math.abs(seconds) <= 8.64e12 ? new Date(seconds * 1000).toISOString() : show(seconds)
}

function show (value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 200)
}

function decode (segment = ''): Record<string, unknown> {
  try {
    return { ...JSON.parse(Buffer.from(segment, 'base64url').toString()) }
  } catch {
    return {}
  }
}
