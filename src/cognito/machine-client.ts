import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'

/**
 * Whether a token was issued to an app client by the grant `client_credentials`. Such a token names the
 * client as its subject. The subject of a person is a UUID that Cognito chose, so a person cannot have one
 * that equals a client id. A token trigger may add any other claim, such as a username, and therefore no
 * other claim counts.
 */
export function isMachineClient ({ tokenUse, subject, claims }: Pick<VerifiedUser, 'tokenUse' | 'subject' | 'claims'>): boolean {
  return tokenUse === 'access' && claims.client_id === subject
}
