import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import { isConflict } from '../database/errors.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import { deleteUser, findUser, insertUser, updateUser, type NewUser, type User } from './queries.ts'
import type { UserChanges } from './schemas.ts'

/**
 * Adds a user, and notes who did.
 * @throws {Problem} `conflict` where the username, the e-mail or the identity is taken
 */
export async function addUser (db: Database, actor: Actor, newUser: NewUser): Promise<User> {
  return inTransaction(db, async transaction => {
    const user = await insertUser(transaction, newUser)
    if (user === undefined) throw taken()
    await insertAudit(transaction, actor, 'created', user, { email: user.email })
    return user
  })
}

/**
 * Changes a user, and notes who did what.
 * @throws {Problem} `not_found`, `conflict`
 */
export async function changeUser (db: Database, actor: Actor, id: number, { disabled, ...changes }: UserChanges): Promise<User> {
  try {
    return await inTransaction(db, async transaction => {
      const before = await findUser(transaction, id)
      const user = before && await updateUser(transaction, id, { disabled, ...changes })
      if (user === undefined) throw noSuchUser()
      if (Object.keys(changes).length > 0) await insertAudit(transaction, actor, 'changed', user, changes)
      if (before?.disabled !== user.disabled) await insertAudit(transaction, actor, user.disabled ? 'disabled' : 'enabled', user)
      return user
    })
  } catch (error) {
    throw isConflict(error) ? taken(error) : error
  }
}

/**
 * Removes a user, whose articles stay, and notes who did.
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

function taken (cause?: unknown): Problem {
  return new Problem('conflict', 'The username or the e-mail address is taken by another user.', { cause })
}
