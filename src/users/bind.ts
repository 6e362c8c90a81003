import type { VerifiedUser } from '../cognito/verified-user.ts'
import type { Provisioning } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems.ts'
import { bindUser, findUserByEmail, findUserByIdentity, insertUser, type User } from './queries.ts'

/**
 * The local user of a verified one: the user bound to its issuer and subject, or else the unbound user whose e-mail it has
 * proved to own, bound now, or else, where `auto` provisions, a new one.
 * @throws {Problem} `no_such_user`, `email_not_verified`, `user_disabled`
 */
export async function findOrBindUser (db: Database, verified: VerifiedUser, provisioning: Provisioning): Promise<User> {
  const user = await findUserByIdentity(db, verified.issuer, verified.subject) ?? await bindOrProvision(db, verified, provisioning)
  if (user.disabled) throw new Problem('user_disabled', 'This user is disabled here; an administrator can enable it.')
  return user
}

async function bindOrProvision (db: Database, verified: VerifiedUser, provisioning: Provisioning): Promise<User> {
  const { issuer, subject, username, email, emailVerified } = verified
  if (verified.tokenUse !== 'id') {
    throw noSuchUser('This user is not known here yet. Come once with an id token: an access token has no e-mail address.')
  }

  const owner = email === null ? undefined : await findUserByEmail(db, email)
  // Who is bound to another subject is somebody else, whatever the e-mail says.
  if (owner !== undefined && owner.subject !== null) throw noSuchUser('The e-mail address belongs to another user here.')
  if (owner === undefined && provisioning === 'strict') throw noSuchUser('An administrator must add this user first.')
  if (email !== null && !emailVerified) {
    throw new Problem('email_not_verified', 'Verify the e-mail address with Cognito, and sign in again.')
  }

  const user = owner === undefined
    ? await insertUser(db, { issuer, subject, username, email })
    : await bindUser(db, owner.id, issuer, subject)
  // Another request of the same user may have been faster.
  const settled = user ?? await findUserByIdentity(db, issuer, subject)
  if (settled === undefined) throw noSuchUser('The username or the e-mail address belongs to another user here.')
  return settled
}

function noSuchUser (detail: string): Problem {
  return new Problem('no_such_user', detail)
}
