import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import { isConflict } from '../database/errors.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import type { Identity } from './identity.ts'
import { deleteUser, findUser, insertUser, updateUser, type NewUser, type User, type UserColumns } from './queries.ts'

/** A change of a user. `identity` binds the user, and null unbinds it. */
export interface UserChange extends Partial<Pick<User, 'username' | 'email' | 'disabled'>> {
  identity?: Identity | null | undefined
}

/**
 * Adds a user, and records the actor.
 * @throws {Problem} `conflict` where the username, the e-mail or the identity is taken
 */
export async function addUser (db: Database, actor: Actor, newUser: NewUser): Promise<User> {
  return inTransaction(db, async transaction => {
    const user = await insertUser(transaction, newUser)
    if (user === undefined) throw taken()
    const { email, issuer, sub } = user
    await insertAudit(transaction, actor, 'created', user, { email, ...(sub !== null && { issuer, sub }) })
    return user
  })
}

/**
 * Changes a user, and records the actor. The articles stay with the user, also where it is bound to another
 * identity.
 * @throws {Problem} `not_found`, `conflict`
 */
export async function changeUser (db: Database, actor: Actor, id: number, { identity, disabled, ...changes }: UserChange): Promise<User> {
  try {
    return await inTransaction(db, async transaction => {
      const before = await findUser(transaction, id)
      if (before === undefined) throw noSuchUser()
      const binding = identity === undefined || isBoundTo(before, identity) ? {} : bindingColumns(identity)
      const email = changes.email === undefined ? {} : { emailAsOf: null }
      const user = await updateUser(transaction, id, { ...email, ...binding, ...changes, disabled })
      if (user === undefined) throw noSuchUser()
      await auditChange(transaction, actor, { before, user, changes })
      return user
    })
  } catch (error) {
    throw isConflict(error) ? taken(error) : error
  }
}

/**
 * Removes a user, whose articles stay, and records the actor.
 * @throws {Problem} `not_found`
 */
export async function removeUser (db: Database, actor: Actor, id: number): Promise<void> {
  await inTransaction(db, async transaction => {
    const user = await deleteUser(transaction, id)
    if (user === undefined) throw noSuchUser()
    await insertAudit(transaction, actor, 'deleted', user)
  })
}

export function noSuchUser (): Problem {
  return new Problem('not_found', 'There is no such user.')
}

/** The columns that belong to an identity. The next token or sync fills the columns that Cognito tells. */
function bindingColumns (identity: Identity | null): UserColumns {
  return { issuer: identity?.issuer ?? null, sub: identity?.subject ?? null, cognitoUsername: null, authTime: null, emailAsOf: null }
}

interface AuditedChange {
  before: User
  user: User
  changes: Record<string, unknown>
}

async function auditChange (db: Database, actor: Actor, { before, user, changes }: AuditedChange): Promise<void> {
  const { issuer, sub } = user
  if (Object.keys(changes).length > 0) await insertAudit(db, actor, 'changed', user, changes)
  if (before.issuer !== issuer || before.sub !== sub) {
    await (sub === null
      ? insertAudit(db, actor, 'unbound', user, { issuer: before.issuer, sub: before.sub })
      : insertAudit(db, actor, 'bound', user, { issuer, sub }))
  }
  if (before.disabled !== user.disabled) await insertAudit(db, actor, user.disabled ? 'disabled' : 'enabled', user)
}

function isBoundTo ({ issuer, sub }: User, identity: Identity | null): boolean {
  return issuer === (identity?.issuer ?? null) && sub === (identity?.subject ?? null)
}

function taken (cause?: unknown): Problem {
  return new Problem('conflict', 'The username, the e-mail address or the identity belongs to another user.', { cause })
}
