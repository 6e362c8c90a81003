import type { Database } from '../database/tables.ts'
import { asUser, type User } from './queries.ts'

/** A run of `users sync` that was interrupted. */
export interface SyncRun {
  startedAt: string
  /** Cognito's pagination token of the next page; null before the first page. */
  nextPage: string | null
}

export async function findSyncRun (db: Database, userPoolId: string): Promise<SyncRun | undefined> {
  return db.selectFrom('sync_runs').select(['started_at as startedAt', 'next_page as nextPage'])
    .where('user_pool_id', '=', userPoolId)
    .executeTakeFirst()
}

export async function saveSyncRun (db: Database, userPoolId: string, { startedAt, nextPage }: SyncRun): Promise<void> {
  await db.insertInto('sync_runs')
    .values({ user_pool_id: userPoolId, started_at: startedAt, next_page: nextPage })
    .onConflict(conflict => conflict.column('user_pool_id').doUpdateSet({ started_at: startedAt, next_page: nextPage }))
    .execute()
}

export async function deleteSyncRun (db: Database, userPoolId: string): Promise<void> {
  await db.deleteFrom('sync_runs').where('user_pool_id', '=', userPoolId).execute()
}

/** Stores that a run of `users sync` has seen a user in its pool. */
export async function updateSeen (db: Database, id: number, startedAt: string): Promise<void> {
  await db.updateTable('users').set({ seen_at: startedAt }).where('id', '=', id).execute()
}

/** The number of users of an issuer that are not disabled. */
export async function countActiveUsers (db: Database, issuer: string): Promise<number> {
  const { count } = await db.selectFrom('users').select(({ fn }) => fn.countAll<number>().as('count'))
    .where('issuer', '=', issuer).where('disabled', '=', 0)
    .executeTakeFirstOrThrow()
  return count
}

/**
 * The users of an issuer, by id, that a run has not seen in the pool, and that were not changed since the run
 * began.
 */
export async function listUsersNotSeen (db: Database, issuer: string, startedAt: string): Promise<User[]> {
  const rows = await db.selectFrom('users').selectAll()
    .where('issuer', '=', issuer).where('updated_at', '<', startedAt)
    .where(({ eb, or }) => or([eb('seen_at', 'is', null), eb('seen_at', '<', startedAt)]))
    .orderBy('id').execute()
  return rows.map(asUser)
}
