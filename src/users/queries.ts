import { sql, type Selectable } from 'kysely'
import { containing, pageOf, searchInSlices, type Page } from '../database/text-search.ts'
import type { Database, UsersTable } from '../database/tables.ts'
import type { ListQuery } from '../http/pagination.ts'
import { emailKey } from './email-key.ts'

/** A local user. `issuer` and `sub` are its identity in Cognito; both are null until the user is bound. */
export interface User {
  id: number
  kind: 'user' | 'client'
  username: string
  email: string | null
  /**
   * When Cognito last said something of the e-mail, in seconds since the epoch; null where an administrator
   * set it.
   */
  emailAsOf: number | null
  disabled: boolean
  issuer: string | null
  sub: string | null
  cognitoUsername: string | null
  /** The newest sign-in that a token of the user told of, in seconds since the epoch. */
  authTime: number | null
  createdAt: string
  updatedAt: string
}

type OptionalColumns = Pick<User, 'kind' | 'emailAsOf' | 'cognitoUsername'>
export type NewUser = Pick<User, 'username' | 'email' | 'issuer' | 'sub'> & Partial<OptionalColumns>

/** The columns that a change of a user may set. */
export type UserColumns = Partial<NewUser & Pick<User, 'disabled' | 'authTime'>>

/** A page of users, by id; with `q`, of those whose username or e-mail contains it, in any case. */
export async function listUsers (db: Database, { limit, after, order, q = '' }: ListQuery): Promise<Page<User>> {
  const past = order === 'asc' ? '>' : '<'
  const upTo = order === 'asc' ? '<=' : '>='
  const usersAfter = (id: number | undefined) => db.selectFrom('users')
    .$if(id !== undefined, query => query.where('id', past, id ?? 0))
    .orderBy('id', order)

  if (q === '') {
    const rows = await usersAfter(after).selectAll().limit(limit + 1).execute()
    return pageOf(rows.map(asUser), limit)
  }
  const inUsername = containing(q)
  const inEmail = containing(q, emailKey)
  return searchInSlices({
    limit,
    after,
    find: async range => {
      const rows = await usersAfter(range.after).selectAll()
        .$if(range.end !== undefined, query => query.where('id', upTo, range.end ?? 0))
        .where(sql<boolean>`(username_key like ${inUsername} escape '\\' or email_key like ${inEmail} escape '\\')`)
        .limit(range.limit).execute()
      return rows.map(asUser)
    },
    findEnd: async (id, count) => {
      const row = await usersAfter(id).select('id').offset(count - 1).limit(1).executeTakeFirst()
      return row?.id
    }
  })
}

export async function findUser (db: Database, id: number): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  return row && asUser(row)
}

/** The users of that name, by id: one of each issuer at most, and one that is not bound. */
export async function listUsersByUsername (db: Database, username: string): Promise<User[]> {
  const rows = await db.selectFrom('users').selectAll().where('username', '=', username).orderBy('id').execute()
  return rows.map(asUser)
}

/** The users with that e-mail address, by id: one of each issuer at most, and one that is not bound. */
export async function listUsersByEmail (db: Database, email: string): Promise<User[]> {
  const rows = await db.selectFrom('users').selectAll().where('email_key', '=', emailKey(email)).orderBy('id').execute()
  return rows.map(asUser)
}

/** @param issuer null for the users that are not bound */
export async function findUserByEmail (db: Database, issuer: string | null, email: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll()
    .where(isOfIssuer(issuer)).where('email_key', '=', emailKey(email))
    .executeTakeFirst()
  return row && asUser(row)
}

/** The user of that name that is not bound. */
export async function findUnboundUserByUsername (db: Database, username: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll()
    .where(isOfIssuer(null)).where('username', '=', username)
    .executeTakeFirst()
  return row && asUser(row)
}

/** The users of those names that are of the issuer, or not bound, in no order. */
export async function listUsersByNames (db: Database, issuer: string | null, usernames: string[]): Promise<Pick<User, 'id' | 'username'>[]> {
  return db.selectFrom('users').select(['id', 'username'])
    .where(sql<boolean>`coalesce(issuer, '') in ('', ${issuer ?? ''})`).where('username', 'in', usernames)
    .execute()
}

/** Locks a user until the transaction ends. The update changes nothing: SQLite has no `for update`. */
export async function lockUser (db: Database, id: number): Promise<void> {
  await db.updateTable('users').set(({ ref }) => ({ disabled: ref('disabled') })).where('id', '=', id).execute()
}

/**
 * Returns the user inserted, or undefined where its username, e-mail or identity is taken: `on conflict`
 * covers all three unique constraints.
 */
export async function insertUser (db: Database, user: NewUser): Promise<User | undefined> {
  const now = new Date().toISOString()
  const { username, email, ...others } = user
  const row = await db.insertInto('users')
    .values({ ...asColumns(others), ...usernameColumns(username), ...emailColumns(email), created_at: now, updated_at: now })
    .onConflict(conflict => conflict.doNothing())
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

/**
 * Returns the changed user, or undefined where it was removed.
 * @throws where the username, the e-mail or the identity is taken; `isConflict` recognises the error
 */
export async function updateUser (db: Database, id: number, changes: UserColumns): Promise<User | undefined> {
  const row = await db.updateTable('users')
    .set({ ...asColumns(changes), updated_at: new Date().toISOString() })
    .where('id', '=', id)
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

export async function deleteUser (db: Database, id: number): Promise<User | undefined> {
  const row = await db.deleteFrom('users').where('id', '=', id).returningAll().executeTakeFirst()
  return row && asUser(row)
}

export function asUser (row: Selectable<UsersTable>): User {
  return {
    id: row.id,
    kind: row.kind,
    username: row.username,
    email: row.email,
    emailAsOf: row.email_as_of,
    disabled: row.disabled !== 0,
    issuer: row.issuer,
    sub: row.subject,
    cognitoUsername: row.cognito_username,
    authTime: row.auth_time,
    createdAt: row.created_at,
    updatedAt: row.updated_at
  }
}

// The expression is that of the indexes `users_issuer_username` and `users_issuer_email`.
function isOfIssuer (issuer: string | null) {
  return sql<boolean>`coalesce(issuer, '') = ${issuer ?? ''}`
}

function asColumns ({ kind, username, email, emailAsOf, disabled, issuer, sub, cognitoUsername, authTime }: UserColumns) {
  return {
    ...(kind !== undefined && { kind }),
    ...(username !== undefined && usernameColumns(username)),
    ...(email !== undefined && emailColumns(email)),
    ...(emailAsOf !== undefined && { email_as_of: emailAsOf }),
    ...(disabled !== undefined && { disabled: Number(disabled) }),
    ...(issuer !== undefined && { issuer }),
    ...(sub !== undefined && { subject: sub }),
    ...(cognitoUsername !== undefined && { cognito_username: cognitoUsername }),
    ...(authTime !== undefined && { auth_time: authTime })
  }
}

function usernameColumns (username: string) {
  return { username, username_key: username.toLowerCase() }
}

function emailColumns (email: string | null) {
  return { email, email_key: email === null ? null : emailKey(email) }
}
