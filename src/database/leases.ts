import type { Database } from './tables.ts'

/**
 * Takes or renews the right to do a background task, which one process of several has at a time. The
 * processes compare their own clocks, so a lease must be longer than these differ.
 * @param holder a random id of this process
 * @returns whether this process has the lease now
 */
export async function claimLease (db: Database, name: string, holder: string, durationMs: number): Promise<boolean> {
  const now = Date.now()
  const { numInsertedOrUpdatedRows } = await db.insertInto('leases')
    .values({ name, holder, expires_at: now + durationMs })
    .onConflict(conflict => conflict.column('name')
      .doUpdateSet({ holder, expires_at: now + durationMs })
      .where(({ eb, or }) => or([eb('leases.holder', '=', holder), eb('leases.expires_at', '<=', now)])))
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}
