import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { claimEmail } from './claim-email.ts'
import type { CognitoUser } from './cognito-user.ts'
import { findFreeUsername } from './free-username.ts'
import { findUserByIdentity } from './identity-queries.ts'
import { findUserByEmail, insertUser, lockUser, updateUser, type User } from './queries.ts'
import { retryConflict } from './retry-conflict.ts'

export interface Bound {
  user: User
  outcome: 'found' | 'bound' | 'created'
}

/** Finds the local user of an identity, or binds the unbound user with its verified e-mail address. */
export async function bindIdentity (db: Database, cognitoUser: CognitoUser, actor: Actor): Promise<Bound | undefined> {
  return retryConflict(db, () => inTransaction(db, transaction => findOrBind(transaction, cognitoUser, actor)))
}

/** Finds or binds the local user of an identity, or else creates one. A name that is taken gets a number. */
export async function provisionIdentity (db: Database, cognitoUser: CognitoUser, actor: Actor): Promise<Bound> {
  return retryConflict(db, () => inTransaction(db, async transaction => {
    for (;;) {
      const bound = await findOrBind(transaction, cognitoUser, actor)
      if (bound !== undefined) return bound
      // Undefined where another transaction took the name or the identity in the meantime.
      const user = await create(transaction, cognitoUser, actor)
      if (user !== undefined) return { user, outcome: 'created' }
    }
  }))
}

/** The unbound user that an identity is bound to by its verified e-mail address. */
export async function findBindable (db: Database, { email }: Pick<CognitoUser, 'email'>): Promise<User | undefined> {
  return email === null || email === undefined ? undefined : findUserByEmail(db, null, email)
}

async function findOrBind (db: Database, cognitoUser: CognitoUser, actor: Actor): Promise<Bound | undefined> {
  const prepared = await findBindable(db, cognitoUser)
  if (prepared !== undefined) await lockUser(db, prepared.id)
  // After the lock, since another request of the same user may have bound it while this one waited.
  const found = await findUserByIdentity(db, cognitoUser)
  if (found !== undefined) return { user: found, outcome: 'found' }
  const locked = prepared && await findBindable(db, cognitoUser)
  if (locked === undefined) return undefined
  return { user: await bind(db, locked, cognitoUser, actor), outcome: 'bound' }
}

async function bind (db: Database, prepared: User, cognitoUser: CognitoUser, actor: Actor): Promise<User> {
  const { kind, issuer, subject, cognitoUsername, asOf } = cognitoUser
  const { id, username: wanted } = prepared
  const email = await claimEmail(db, { issuer, email: prepared.email, asOf, id }, actor)
  const username = await findFreeUsername(db, { issuer, username: wanted, id })
  const columns = { kind, username, email, emailAsOf: asOf, issuer, sub: subject, cognitoUsername }
  const user = await updateUser(db, id, columns) ?? prepared
  await insertAudit(db, actor, 'bound', user, { issuer, sub: subject, ...(username !== wanted && { username }) })
  return user
}

async function create (db: Database, cognitoUser: CognitoUser, actor: Actor): Promise<User | undefined> {
  const { kind, issuer, subject, shownName, cognitoUsername, asOf } = cognitoUser
  const email = await claimEmail(db, { issuer, email: cognitoUser.email ?? null, asOf }, actor)
  const username = await findFreeUsername(db, { issuer, username: shownName })
  // A token without an address says nothing of one, so an older token may still tell it.
  const emailAsOf = cognitoUser.email === undefined ? null : asOf
  const user = await insertUser(db, { kind, username, email, emailAsOf, issuer, sub: subject, cognitoUsername })
  if (user !== undefined) await insertAudit(db, actor, 'created', user, { issuer, sub: subject })
  return user
}
