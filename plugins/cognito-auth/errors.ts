import createError, { type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

/** Why a request or a token was refused. The words are stable: use them in logs, metrics and tests. */
export type RefusalReason =
  | 'no_token' | 'two_headers' | 'too_long' | 'malformed' | 'algorithm' | 'key_id' | 'critical_header' | 'issuer'
  | 'unknown_key' | 'signature' | 'expired' | 'expiry' | 'not_yet_valid' | 'token_use' | 'client' | 'audience' | 'subject'
  | 'custom_check' | 'group' | 'scope' | 'keys_unavailable'

export type CognitoAuthErrorCode =
  | 'FST_COGNITO_NO_TOKEN'
  | 'FST_COGNITO_INVALID_TOKEN'
  | 'FST_COGNITO_EXPIRED_TOKEN'
  | 'FST_COGNITO_MISSING_GROUP'
  | 'FST_COGNITO_INSUFFICIENT_SCOPE'
  | 'FST_COGNITO_KEYS_UNAVAILABLE'

/**
 * An error of this package. Any Fastify error handler answers it correctly: it has the status, and the guard
 * has already set its headers on the reply. The message quotes nothing of the token.
 */
export interface CognitoAuthError extends FastifyError {
  code: CognitoAuthErrorCode
  statusCode: 401 | 403 | 503
  reason: RefusalReason
  /** `www-authenticate` (RFC 6750 3) for 401 and for a missing scope, `retry-after` in seconds for 503. */
  headers: Record<string, string>
}

type Constructor = FastifyErrorConstructor<{ code: string, statusCode?: number }, [message: string, options: { cause: unknown }]>

const constructors: Record<CognitoAuthErrorCode, Constructor> = {
  FST_COGNITO_NO_TOKEN: define('FST_COGNITO_NO_TOKEN', 401),
  FST_COGNITO_INVALID_TOKEN: define('FST_COGNITO_INVALID_TOKEN', 401),
  FST_COGNITO_EXPIRED_TOKEN: define('FST_COGNITO_EXPIRED_TOKEN', 401),
  FST_COGNITO_MISSING_GROUP: define('FST_COGNITO_MISSING_GROUP', 403),
  FST_COGNITO_INSUFFICIENT_SCOPE: define('FST_COGNITO_INSUFFICIENT_SCOPE', 403),
  FST_COGNITO_KEYS_UNAVAILABLE: define('FST_COGNITO_KEYS_UNAVAILABLE', 503)
}

// Without a stack: capturing one takes as long as a signature, and a refusal is no fault of the code.
function define (code: CognitoAuthErrorCode, statusCode: number): Constructor {
  return createError(code, '%s', statusCode, Error, false)
}

/** Whether a value is an error of this package. */
export function isCognitoAuthError (error: unknown): error is CognitoAuthError {
  return error instanceof Error && 'code' in error && Object.hasOwn(constructors, String(error.code))
}

/**
 * A token that is not accepted.
 * @param text without its full stop, and only of characters that an `error_description` may have (RFC 6750 3)
 */
export function refusal (reason: RefusalReason, text: string, cause?: unknown): CognitoAuthError {
  const code = reason === 'expired' ? 'FST_COGNITO_EXPIRED_TOKEN' : 'FST_COGNITO_INVALID_TOKEN'
  return make(code, 401, reason, text, { 'www-authenticate': `Bearer error="invalid_token", error_description="${text}"` }, cause)
}

/** No token. The challenge then has no error code (RFC 6750 3.1). */
export function missingToken (text: string): CognitoAuthError {
  return make('FST_COGNITO_NO_TOKEN', 401, 'no_token', text, { 'www-authenticate': 'Bearer' })
}

export function missingGroup (groups: readonly string[]): CognitoAuthError {
  const wanted = groups.length === 1 ? `the group ${groups[0]}` : `one of the groups ${groups.join(', ')}`
  return make('FST_COGNITO_MISSING_GROUP', 403, 'group', `This needs membership of ${wanted}`, {})
}

/** @param scopes the scopes that the challenge names: all that the resource needs (RFC 6750 3) */
export function insufficientScope (scopes: readonly string[], text: string): CognitoAuthError {
  const headers = { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` }
  return make('FST_COGNITO_INSUFFICIENT_SCOPE', 403, 'scope', text, headers)
}

/** @param retryAfterSeconds until the next attempt to fetch the keys */
export function keysUnavailable (retryAfterSeconds: number, cause: unknown): CognitoAuthError {
  const text = 'The keys that would verify the token could not be fetched'
  return make('FST_COGNITO_KEYS_UNAVAILABLE', 503, 'keys_unavailable', text, { 'retry-after': `${retryAfterSeconds}` }, cause)
}

/** Names the realm in the challenge of an error, as the first parameter. */
export function addRealm ({ headers }: CognitoAuthError, realm: string): void {
  const parameters = headers['www-authenticate']?.slice('Bearer '.length)
  if (parameters === undefined) return
  headers['www-authenticate'] = `Bearer realm="${realm}"${parameters === '' ? '' : `, ${parameters}`}`
}

function make (
  code: CognitoAuthErrorCode, statusCode: CognitoAuthError['statusCode'], reason: RefusalReason, text: string,
  headers: Record<string, string>, cause?: unknown
): CognitoAuthError {
  return Object.assign(new constructors[code](`${text}.`, { cause }), { code, statusCode, reason, headers })
}
