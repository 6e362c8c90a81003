// Each request looks up whose it is more than once. To join issuer and subject for that, and to hash what comes of it, would
// take longer than the look-ups, so it is done once for each verified user, whom requests with the same token share.

import type { VerifiedUser } from '../../plugins/cognito-auth/verified-user.ts'

const keys = new WeakMap<VerifiedUser, string>()

/** Under what the user is known among those of all user pools. */
export function keyOfUser (user: VerifiedUser): string {
  let key = keys.get(user)
  if (key === undefined) {
    key = identityKey(user.issuer, user.subject)
    keys.set(user, key)
  }
  return key
}

/** What `keyOfUser` gives for a user whose identity is this one. */
export function identityKey (issuer: string, subject: string): string {
  return `${issuer} ${subject}`
}
