export interface EmailEvidence {
  /** The claim or attribute `email_verified`. */
  verified: unknown
  /** The claim or attribute `identities`, which federated users have. */
  identities: unknown
  /** The user's status in the user pool, where it is known. */
  status?: string | undefined
}

/**
 * Whether Cognito itself vouches for an e-mail address. The same rule holds for tokens, the webhook and
 * `users sync`. A federated user's `email_verified` comes from the other provider, so it never counts.
 * @param source tokens have the boolean `true`; the webhook and Cognito's API have the text `"true"`
 */
export function isEmailVerified ({ verified, identities, status }: EmailEvidence, source: 'token' | 'attributes'): boolean {
  if (status === 'EXTERNAL_PROVIDER' || hasIdentities(identities)) return false
  return verified === true || (source === 'attributes' && verified === 'true')
}

// Cognito leaves an empty list where the last provider was unlinked. The attribute is the same list as JSON
// text.
function hasIdentities (identities: unknown): boolean {
  if (identities === undefined || identities === null) return false
  return Array.isArray(identities) ? identities.length > 0 : identities !== '[]'
}
