import { userActor } from '../audit/actor.ts'
import type { VerifiedUser } from '../../plugins/cognito-auth/verified-user.ts'
import type { Provisioning } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems/catalogue.ts'
import { bindIdentity, findBindable, type NotBound } from './bind-identity.ts'
import { findUnboundUserByUsername, type User } from './queries.ts'

/** @throws {Problem} `user_disabled` */
export function refuseDisabled (user: User | undefined): void {
  if (user?.disabled) throw new Problem('user_disabled', 'This user is disabled here; an administrator can enable it.')
}

/**
 * The local user that bars a verified one without a local user from administration, if it is disabled.
 * Without a verified e-mail address that is known here, the username decides. An access token has no address, and people can
 * change their address in Cognito to one that is unknown here. They cannot change their username.
 */
export async function findUnboundUser (db: Database, verified: VerifiedUser): Promise<User | undefined> {
  return await findBindable(db, verified) ?? findUnboundUserByUsername(db, verified.username)
}

/**
 * The local user of a verified one whom no local user is bound to, bound or made now where the rules allow it.
 * @throws {Problem} `no_such_user`, `email_not_verified`
 */
export async function bindAccount (db: Database, verified: VerifiedUser, provisioning: Provisioning): Promise<User> {
  if (verified.tokenUse !== 'id') {
    throw new Problem('no_such_user', 'This user is not known here yet. Come once with an id token: an access token has no e-mail address.')
  }
  const bound = await bindIdentity(db, verified, { actor: userActor(verified), provision: provisioning === 'auto' })
  if (typeof bound === 'string') throw new Problem(bound === 'email_not_verified' ? bound : 'no_such_user', details[bound])
  return bound
}

const details: Record<NotBound, string> = {
  unknown: 'An administrator must add this user first.',
  taken: 'The username or the e-mail address belongs to another user here.',
  email_not_verified: 'Verify the e-mail address with Cognito, and sign in again.'
}
