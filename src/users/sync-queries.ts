import type { Database } from '../database/tables.ts'

/** A run of `users sync` that was interrupted. */
export interface SyncRun {
  startedAt: string
  /** Where it goes on: Cognito's pagination token. */
  nextPage: string | null
}

export async function findSyncRun (db: Database, userPoolId: string): Promise<SyncRun | undefined> {
  return db.selectFrom('sync_runs').select(['started_at as startedAt', 'next_page as nextPage']).where('user_pool_id', '=', userPoolId).executeTakeFirst()
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
