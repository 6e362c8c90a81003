import type { UserType } from '@aws-sdk/client-cognito-identity-provider'
import { isStorable } from '../../plugins/cognito-auth/claims.ts'
import { serviceActor } from '../audit/actor.ts'
import type { Database } from '../database/tables.ts'
import { admitCognitoUser } from './admit-cognito-user.ts'
import { readAttributes } from './cognito-user.ts'
import { findUserByIdentity } from './identity-queries.ts'
import { changeUser } from './manage-users.ts'
import type { User } from './queries.ts'
import { updateSeen } from './sync-queries.ts'

/** A change that a run made, or would make, to one user. */
export interface SyncChange {
  action: 'added' | 'bound' | 'changed' | 'disabled' | 'left alone'
  username: string
  detail: string
}

export interface SyncUserOptions {
  issuer: string
  usernameClaim: string | undefined
  /** When the run began. */
  startedAt: string
}

export const syncActor = serviceActor('users sync')

/**
 * Makes one local user follow its user in the pool. A user that is not confirmed, or disabled in the pool, is
 * not added.
 * @returns the change, if there is one
 */
export async function syncUser (db: Database, pooled: UserType, { issuer, usernameClaim, startedAt }: SyncUserOptions): Promise<SyncChange | undefined> {
  const attributes = readPooledAttributes(pooled)
  const subject = attributes.sub ?? ''
  const cognitoUsername = pooled.Username ?? subject
  if (subject === '' || ![subject, cognitoUsername, attributes.email ?? ''].every(isStorable)) {
    return { action: 'left alone', username: JSON.stringify(cognitoUsername), detail: 'a name or an e-mail address that cannot be stored' }
  }
  const before = await findUserByIdentity(db, { issuer, subject })
  const isDisabled = pooled.Enabled === false
  if (before === undefined && (pooled.UserStatus === 'UNCONFIRMED' || isDisabled)) return undefined

  const described = { issuer, subject, cognitoUsername, attributes, status: pooled.UserStatus }
  const cognitoUser = readAttributes(described, usernameClaim, Math.floor(Date.now() / 1000))
  const { user, outcome } = await admitCognitoUser(db, cognitoUser, syncActor)
  await updateSeen(db, user.id, startedAt)
  if (before === undefined) {
    return { action: outcome === 'bound' ? 'bound' : 'added', username: user.username, detail: user.email ?? 'no verified e-mail address' }
  }
  if (isDisabled && !user.disabled) {
    await changeUser(db, syncActor, user.id, { disabled: true })
    return { action: 'disabled', username: user.username, detail: 'disabled in the user pool' }
  }
  return describeChange(before, user)
}

/** The attributes of a user in the pool, by their names. */
export function readPooledAttributes ({ Attributes: attributes = [] }: UserType): Record<string, string | undefined> {
  return Object.fromEntries(attributes.map(({ Name, Value }) => [Name, Value]))
}

function describeChange (before: User, { username, email }: User): SyncChange | undefined {
  if (email === before.email) return undefined
  return { action: 'changed', username, detail: email === null ? 'no verified e-mail address any more' : `email is now ${email}` }
}
