import { StacklessError } from '../../src/problems/stackless-error.ts'

/** Why a token is refused; the same words in logs, metrics and `explain-token`. */
export type RefusalReason =
  | 'two_headers' | 'too_long' | 'malformed' | 'algorithm' | 'key_id' | 'critical_header' | 'issuer' | 'unknown_key'
  | 'signature' | 'expired' | 'expiry' | 'not_yet_valid' | 'token_use' | 'client' | 'subject' | 'signed_out'

/** A token that is not accepted. The message quotes nothing of the token, and fits an `error_description` (RFC 6750 3). */
export class TokenRefusal extends StacklessError {
  readonly reason: RefusalReason

  constructor (reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TokenRefusal'
    this.reason = reason
  }
}
