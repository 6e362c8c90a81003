import type { Selectable } from 'kysely'
import type { Database, UsersTable } from '../database/tables.ts'

/** A local user. `issuer` and `subject` say who in Cognito it is; both are null until it is bound. */
export interface User {
  id: number
  username: string
  email: string | null
  issuer: string | null
  subject: string | null
  disabled: boolean
}

export interface NewUser {
  username: string
  email: string | null
  issuer: string | null
  subject: string | null
}

export async function findUserByIdentity (db: Database, issuer: string, subject: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('issuer', '=', issuer).where('subject', '=', subject).executeTakeFirst()
  return row && asUser(row)
}

export async function findUserByEmail (db: Database, email: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('email_key', '=', emailKey(email)).executeTakeFirst()
  return row && asUser(row)
}

/** The user bound, or undefined where it, or the identity, was bound meanwhile. */
export async function bindUser (db: Database, id: number, issuer: string, subject: string): Promise<User | undefined> {
  const row = await db.updateTable('users')
    .set({ issuer, subject, updated_at: new Date().toISOString() })
    .where('id', '=', id).where('subject', 'is', null)
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

/** The user inserted, or undefined where its username, e-mail or identity is taken. */
export async function insertUser (db: Database, user: NewUser): Promise<User | undefined> {
  const now = new Date().toISOString()
  const row = await db.insertInto('users')
    .values({ ...user, email_key: user.email === null ? null : emailKey(user.email), created_at: now, updated_at: now })
    .onConflict(conflict => conflict.doNothing())
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

function emailKey (email: string): string {
  return email.toLowerCase()
}

function asUser ({ id, username, email, issuer, subject, disabled }: Selectable<UsersTable>): User {
  return { id, username, email, issuer, subject, disabled: disabled !== 0 }
}
