import type { RefusalReason } from '../../plugins/cognito-auth/index.ts'
import type { Config } from '../config.ts'
import type { TokenParts } from './token-parts.ts'

/** Reasons that do not lie in the token. */
const otherReasons = ['no_token', 'custom_check', 'group', 'scope', 'keys_unavailable'] as const

export type TokenReason = Exclude<RefusalReason, typeof otherReasons[number]> | 'signed_out'

/** Whether the reason of a problem lies in the token. */
export function isTokenReason (reason: string | undefined): reason is TokenReason {
  return reason !== undefined && !otherReasons.some(other => other === reason)
}

/**
 * Why the service rejects a token. `found` quotes single values of its header and claims, never the token.
 */
interface Explanation {
  expected: string
  found: string
  fix: string
}

type TokenRules = Pick<Config, 'clientIds' | 'tokenUse' | 'jwksMaxAgeSeconds'> & { issuers: string[] }

const notFromCognito = 'This token is not from Cognito.'
const signInAgain = 'Sign in again, or use the refresh token.'

/** @param now milliseconds since the epoch */
export function explainRejection (
  reason: TokenReason, { segments, length, header, claims }: TokenParts, rules: TokenRules, now: number
): Explanation {
  switch (reason) {
    case 'two_headers':
      return {
        expected: 'one Authorization header',
        found: 'two',
        fix: 'Send one. A proxy or the client may add another one.'
      }
    case 'too_long':
      return {
        expected: 'at most 16,384 characters',
        found: `${length}`,
        fix: 'Send the token alone. Many groups or custom attributes make a token long.'
      }
    case 'malformed':
      return {
        expected: 'three base64url segments, the first two of them JSON objects in UTF-8',
        found: `${segments} segments in ${length} characters`,
        fix: 'Copy the whole token, without quotes, line breaks or padding. ' +
          'A refresh token has five segments and is for Cognito only.'
      }
    case 'algorithm':
      return { expected: 'alg RS256', found: `alg ${show(header.alg)}`, fix: `${notFromCognito} Cognito signs with RS256 only.` }
    case 'key_id':
      return { expected: 'a kid of 1 to 128 characters', found: `kid ${show(header.kid)}`, fix: notFromCognito }
    case 'critical_header':
      return { expected: 'no crit and no b64 in the header', found: Object.keys(header).join(', '), fix: notFromCognito }
    case 'issuer':
      return {
        expected: `iss ${rules.issuers.join(' or ')}`,
        found: `iss ${show(claims.iss)}`,
        fix: 'The token is from another user pool, region or endpoint. Sign in there, or correct ' +
          'AWS_USER_POOLS_ID or AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER.'
      }
    case 'unknown_key':
      return {
        expected: 'a kid that the user pool publishes',
        found: `kid ${show(header.kid)}`,
        fix: 'Sign in again: the user pool may have removed the key. The service finds a new key within seconds. ' +
          `It fetches all keys again every ${rules.jwksMaxAgeSeconds} s.`
      }
    case 'signature':
      return {
        expected: `a signature by the key ${show(header.kid)}`,
        found: 'a signature that does not verify',
        fix: 'The token was changed after signing, truncated or forged. Copy the whole token again.'
      }
    case 'expired':
      return {
        expected: 'an exp in the future',
        found: `exp ${formatTime(claims.exp)}, ${formatDistance(claims.exp, now)}`,
        fix: clockHint(claims, now) ?? signInAgain
      }
    case 'expiry':
      return { expected: 'an exp that is a time, in seconds', found: `exp ${show(claims.exp)}`, fix: notFromCognito }
    case 'not_yet_valid':
      return {
        expected: 'an nbf that is absent or past',
        found: `nbf ${formatTime(claims.nbf)}, ${formatDistance(claims.nbf, now)}`,
        fix: 'If the token is new, the clock of this machine is behind. Synchronise it (NTP).'
      }
    case 'token_use':
      return {
        expected: `token_use ${rules.tokenUse.join(' or ')}`,
        found: `token_use ${show(claims.token_use)}`,
        fix: `Send the ${rules.tokenUse.join(' or the ')} token of the same sign-in, or change COGNITO_TOKEN_USE.`
      }
    case 'client': {
      const claim = claims.token_use === 'access' ? 'client_id' : 'aud'
      return {
        expected: `${claim} ${rules.clientIds.join(' or ')}`,
        found: `${claim} ${show(claims[claim])}`,
        fix: 'Sign in with the right app client, or add this one to AWS_APP_CLIENT_ID.'
      }
    }
    case 'audience':
      return {
        expected: `no aud, or aud ${rules.clientIds.join(' or ')}`,
        found: `aud ${show(claims.aud)}`,
        fix: 'The token is for another resource. Request this resource at sign-in.'
      }
    case 'subject':
      return { expected: 'a sub of 1 to 255 characters', found: `sub ${show(claims.sub)}`, fix: notFromCognito }
    case 'signed_out':
      return {
        expected: 'a session that began after the last sign-out',
        found: `auth_time ${formatTime(claims.auth_time)}`,
        fix: 'Sign in again.'
      }
  }
}

/**
 * A token from the future, or one that has just expired, may mean that the clock of this machine is wrong.
 */
function clockHint ({ iat, exp }: Record<string, unknown>, now: number): string | undefined {
  if (typeof iat === 'number' && iat * 1000 > now) {
    return `The token was issued ${formatDistance(iat, now)}, so the clock of this machine is behind. Synchronise it (NTP).`
  }
  if (typeof exp === 'number' && now - exp * 1000 < 300_000) {
    return `${signInAgain} If the token is new, the clock of this machine is ahead. Synchronise it (NTP).`
  }
  return undefined
}

function formatDistance (seconds: unknown, now: number): string {
  if (typeof seconds !== 'number') return 'which is not a time'
  const amount = formatDuration(Math.round(Math.abs(now / 1000 - seconds)))
  return seconds * 1000 > now ? `in ${amount}` : `${amount} ago`
}

function formatDuration (seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}

function formatTime (seconds: unknown): string {
  const isTime = typeof seconds === 'number' && Math.abs(seconds) <= 8.64e12
  return isTime ? new Date(seconds * 1000).toISOString() : show(seconds)
}

function show (value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 200)
}
