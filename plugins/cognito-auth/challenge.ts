import { temporaryProblem, Problem } from '../../src/problems/catalogue.ts'
import { KeysUnavailableError, UnknownKeyError } from './keys/key-errors.ts'
import { TokenRefusal } from './refusal.ts'

export const defaultRealm = 'articles'

/**
 * The problem that a failure to authenticate is, with the status and the challenge of RFC 6750 3.
 * What is none of the token's, or of the keys', is thrown as it is.
 */
export function authenticationProblem (error: unknown, realm: string): Problem {
  if (error instanceof Problem) return error
  if (error instanceof KeysUnavailableError) {
    return temporaryProblem('identity_provider_unavailable', 'The keys that would verify the token could not be fetched.', { retryAfter: error.retryAfter, cause: error })
  }
  const refusal = error instanceof UnknownKeyError ? new TokenRefusal('unknown_key', 'The user pool has no such signing key', { cause: error }) : error
  if (!(refusal instanceof TokenRefusal)) throw error
  return new Problem(refusal.reason === 'expired' ? 'expired_auth_token' : 'invalid_auth_token', `${refusal.message}.`, {
    headers: { 'www-authenticate': `Bearer realm="${realm}", error="invalid_token", error_description="${refusal.message}"` },
    cause: refusal
  })
}

export function noToken (realm: string): Problem {
  return new Problem('no_auth_token', 'Send an Authorization header: Bearer, a space, and an id or access token.', {
    headers: { 'www-authenticate': `Bearer realm="${realm}"` }
  })
}
