import { tokenActor } from '../audit/actor.ts'
import type { TokenUse, VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import type { Provisioning } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems/catalogue.ts'
import { bindIdentity, findBindable, provisionIdentity } from './bind-identity.ts'
import type { CognitoUser } from './cognito-user.ts'
import { explainNotBound } from './not-bound.ts'
import { findUnboundUserByUsername, type User } from './queries.ts'

export interface ProvisioningRules {
  provisioning: Provisioning
  tokenUse: TokenUse[]
}

/** @throws {Problem} `user_disabled` */
export function rejectDisabled (user: User | undefined): void {
  if (user?.disabled) throw new Problem('user_disabled', 'An administrator has disabled this user.')
}

/**
 * The unbound local user that stands for an identity. Such a user lets nobody in. If it is disabled, it keeps
 * its identity out. Without a verified e-mail address that is known here, the username decides. An access
 * token has no address, and people can change their address in Cognito to one that is unknown here. They
 * cannot change their username.
 */
export async function findUnboundUser (db: Database, cognitoUser: CognitoUser): Promise<User | undefined> {
  const bindable = await findBindable(db, cognitoUser)
  const { cognitoUsername } = cognitoUser
  return bindable ?? (cognitoUsername === null ? undefined : findUnboundUserByUsername(db, cognitoUsername))
}

/**
 * Binds or makes the local user of a verified identity that has none, where the rules allow it.
 * @throws {Problem} `no_such_user`, `email_not_verified`, `user_disabled`
 */
export async function provisionUser (
  db: Database, verified: VerifiedUser, cognitoUser: CognitoUser, { provisioning, tokenUse }: ProvisioningRules
): Promise<User> {
  rejectDisabled(await findUnboundUser(db, cognitoUser))
  const admit = provisioning === 'auto' ? provisionIdentity : bindIdentity
  const bound = await admit(db, cognitoUser, tokenActor(verified))
  if (bound !== undefined) return bound.user
  const { code, detail } = explainNotBound(verified, cognitoUser, tokenUse)
  throw new Problem(code, detail)
}
