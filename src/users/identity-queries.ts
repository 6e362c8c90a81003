import type { Database } from '../database/tables.ts'
import type { Identity } from './identity.ts'
import { asUser, type User } from './queries.ts'
import type { SignOut } from './sign-out-queries.ts'

/** A user with the sign-out of its identity. Each request needs both, so one query reads them. */
export interface UserWithSignOut {
  user: User
  signOut: SignOut | undefined
}

export async function findUserByIdentity (db: Database, { issuer, subject }: Identity): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll()
    .where('issuer', '=', issuer).where('subject', '=', subject)
    .executeTakeFirst()
  return row && asUser(row)
}

/**
 * The users that are bound to the identities, in no order. Identities without a user are left out. The result
 * may hold more: the subject of one identity with the issuer of another.
 */
export async function findUsersWithSignOuts (db: Database, identities: Identity[]): Promise<UserWithSignOut[]> {
  const rows = await db.selectFrom('users')
    .leftJoin('sign_outs', join => join
      .onRef('sign_outs.issuer', '=', 'users.issuer')
      .onRef('sign_outs.subject', '=', 'users.subject'))
    .selectAll('users').select(['sign_outs.at', 'sign_outs.origin_jti as originJti'])
    .where('users.issuer', 'in', [...new Set(identities.map(({ issuer }) => issuer))])
    .where('users.subject', 'in', identities.map(({ subject }) => subject))
    .execute()
  return rows.map(({ at, originJti, ...row }) => ({ user: asUser(row), signOut: at === null ? undefined : { at, originJti } }))
}

/** Stores the newest sign-in that a token of the user told of. */
export async function updateAuthTime (db: Database, id: number, authTime: number): Promise<void> {
  await db.updateTable('users').set({ auth_time: authTime })
    .where('id', '=', id).where(({ eb, or }) => or([eb('auth_time', 'is', null), eb('auth_time', '<', authTime)]))
    .execute()
}

/**
 * Stores what Cognito says of a user besides its address. It is no change of the user: `updated_at` stays.
 */
export async function updateCognitoUsername (db: Database, id: number, kind: User['kind'], cognitoUsername: string | null): Promise<void> {
  await db.updateTable('users').set({ kind, cognito_username: cognitoUsername }).where('id', '=', id).execute()
}
