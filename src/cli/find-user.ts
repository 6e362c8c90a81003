import type { Database } from '../database/tables.ts'
import { findUser, listUsersByEmail, listUsersByUsername, type User } from '../users/queries.ts'
import { printable } from './table.ts'

/**
 * Finds a user by id, username or e-mail address.
 * @throws {Error} where there is none, or where users of several pools have the name: the message lists their
 *   ids
 */
export async function findUserByName (db: Database, name: string): Promise<User> {
  const users = await listByName(db, name)
  const [user, ...others] = users
  const quoted = printable(JSON.stringify(name))
  if (user === undefined) throw new Error(`There is no user ${quoted}.`)
  if (others.length === 0) return user
  const choices = users.map(({ id, issuer }) => `${id} (${issuer === null ? 'not bound yet' : printable(issuer)})`)
  throw new Error(`Several users are called ${quoted}: ${choices.join(', ')}. Give the id.`)
}

async function listByName (db: Database, name: string): Promise<User[]> {
  const byId = /^\d{1,15}$/.test(name) ? await findUser(db, Number(name)) : undefined
  if (byId !== undefined) return [byId]
  const byUsername = await listUsersByUsername(db, name)
  return byUsername.length > 0 ? byUsername : listUsersByEmail(db, name)
}
