import { sql, type Selectable } from 'kysely'
import { containing, pageOf, searchInSlices, type Page } from '../database/text-search.ts'
import type { Database, UsersTable } from '../database/tables.ts'
import type { ListQuery } from '../http/pagination.ts'
import type { Identity, SignOut } from './sign-out-queries.ts'

/** A local user. `issuer` and `sub` say who in Cognito it is; both are null until it is bound. */
export interface User {
  id: number
  username: string
  email: string | null
  disabled: boolean
  issuer: string | null
  sub: string | null
  /** The newest sign-in that a token of the user told of, in seconds since the epoch. */
  authTime: number | null
  createdAt: string
  updatedAt: string
}

export type NewUser = Pick<User, 'username' | 'email' | 'issuer' | 'sub'>

/** A page of users, by id; with `q`, of those whose username or e-mail contains it, in any case. */
export async function listUsers (db: Database, { limit, after, order, q = '' }: ListQuery): Promise<Page<User>> {
  const past = order === 'asc' ? '>' : '<'
  const upTo = order === 'asc' ? '<=' : '>='
  const usersAfter = (id: number | undefined) => db.selectFrom('users')
    .$if(id !== undefined, query => query.where('id', past, id ?? 0))
    .orderBy('id', order)

  if (q === '') return pageOf((await usersAfter(after).selectAll().limit(limit + 1).execute()).map(asUser), limit)
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
    findEnd: async (id, count) => (await usersAfter(id).select('id').offset(count - 1).limit(1).executeTakeFirst())?.id
  })
}

export async function findUser (db: Database, id: number): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  return row && asUser(row)
}

export async function findUserByUsername (db: Database, username: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('username', '=', username).executeTakeFirst()
  return row && asUser(row)
}

/** The user of that name that no identity is bound to. */
export async function findUnboundUserByUsername (db: Database, username: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('username', '=', username).where('subject', 'is', null).executeTakeFirst()
  return row && asUser(row)
}

/** Keeps other transactions from changing a user until this one ends. An update without a change: SQLite has no `for update`. */
export async function lockUser (db: Database, id: number): Promise<void> {
  await db.updateTable('users').set(({ ref }) => ({ disabled: ref('disabled') })).where('id', '=', id).execute()
}

/** Stores the newest sign-in that a token of the user told of. */
export async function updateAuthTime (db: Database, id: number, authTime: number): Promise<void> {
  await db.updateTable('users').set({ auth_time: authTime })
    .where('id', '=', id).where(({ eb, or }) => or([eb('auth_time', 'is', null), eb('auth_time', '<', authTime)]))
    .execute()
}

export async function findUserByIdentity (db: Database, issuer: string, subject: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('issuer', '=', issuer).where('subject', '=', subject).executeTakeFirst()
  return row && asUser(row)
}

/** A user, with the sign-out of the identity that it is bound to: each request asks for both, so that they are one query. */
export interface UserWithSignOut {
  user: User
  signOut: SignOut | undefined
}

/** The users that identities are bound to, of those that have one, in no order. */
export async function findUsersWithSignOuts (db: Database, identities: Identity[]): Promise<UserWithSignOut[]> {
  const rows = await db.selectFrom('users')
    .leftJoin('sign_outs', join => join.onRef('sign_outs.issuer', '=', 'users.issuer').onRef('sign_outs.subject', '=', 'users.subject'))
    .selectAll('users').select(['sign_outs.at', 'sign_outs.origin_jti as originJti'])
    .where('users.issuer', 'in', [...new Set(identities.map(({ issuer }) => issuer))])
    .where('users.subject', 'in', identities.map(({ subject }) => subject))
    .execute()
  return rows.map(({ at, originJti, ...row }) => ({ user: asUser(row), signOut: at === null ? undefined : { at, originJti } }))
}

export async function findUserByEmail (db: Database, email: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('email_key', '=', emailKey(email)).executeTakeFirst()
  return row && asUser(row)
}

/** The user inserted, or undefined where its username, e-mail or identity is taken: `on conflict` handles all three unique constraints. */
export async function insertUser (db: Database, { username, email, issuer, sub }: NewUser): Promise<User | undefined> {
  const now = new Date().toISOString()
  const row = await db.insertInto('users')
    .values({ username, username_key: username.toLowerCase(), email, email_key: email && emailKey(email), issuer, subject: sub, created_at: now, updated_at: now })
    .onConflict(conflict => conflict.doNothing())
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

/**
 * The user bound, or undefined where it was bound meanwhile.
 * @throws where another user has this identity: the unique constraint `users_issuer_subject`, to be told by `isConflict`
 */
export async function bindUser (db: Database, id: number, issuer: string, subject: string): Promise<User | undefined> {
  const row = await db.updateTable('users')
    .set({ issuer, subject, updated_at: new Date().toISOString() })
    .where('id', '=', id).where('subject', 'is', null)
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

/**
 * The user changed, or undefined where it is gone.
 * @throws where the username or the e-mail is taken: the unique constraints of both, to be told by `isConflict`
 */
export async function updateUser (db: Database, id: number, { username, email, disabled }: Partial<Pick<User, 'username' | 'email' | 'disabled'>>): Promise<User | undefined> {
  const row = await db.updateTable('users')
    .set({
      updated_at: new Date().toISOString(),
      ...(username !== undefined && { username, username_key: username.toLowerCase() }),
      ...(email !== undefined && { email, email_key: email && emailKey(email) }),
      ...(disabled !== undefined && { disabled: Number(disabled) })
    })
    .where('id', '=', id)
    .returningAll().executeTakeFirst()
  return row && asUser(row)
}

export async function deleteUser (db: Database, id: number): Promise<User | undefined> {
  const row = await db.deleteFrom('users').where('id', '=', id).returningAll().executeTakeFirst()
  return row && asUser(row)
}

/** Notes that a run of `users sync`, begun at that time, has seen a user in its pool. */
export async function updateSeen (db: Database, id: number, seenAt: string): Promise<void> {
  await db.updateTable('users').set({ seen_at: seenAt }).where('id', '=', id).execute()
}

/** How many users of an issuer are not disabled. */
export async function countActiveUsers (db: Database, issuer: string): Promise<number> {
  const { count } = await db.selectFrom('users').select(({ fn }) => fn.countAll<number>().as('count'))
    .where('issuer', '=', issuer).where('disabled', '=', 0)
    .executeTakeFirstOrThrow()
  return count
}

/** The users of an issuer that a run of `users sync`, begun at that time, has not seen, and that have not come since, by id. */
export async function listUsersNotSeen (db: Database, issuer: string, since: string): Promise<User[]> {
  const rows = await db.selectFrom('users').selectAll()
    .where('issuer', '=', issuer).where('updated_at', '<', since)
    .where(({ eb, or }) => or([eb('seen_at', 'is', null), eb('seen_at', '<', since)]))
    .orderBy('id').execute()
  return rows.map(asUser)
}

/**
 * The form in which e-mail addresses are compared. Only ASCII letters are folded. `toLowerCase` would make U+212A (Kelvin
 * sign) a `k`, and let one address take over another.
 */
function emailKey (email: string): string {
  return email.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}

function asUser ({ id, username, email, disabled, issuer, subject, auth_time: authTime, created_at: createdAt, updated_at: updatedAt }: Selectable<UsersTable>): User {
  return { id, username, email, disabled: disabled !== 0, issuer, sub: subject, authTime, createdAt, updatedAt }
}
