import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../tables.ts'
import { isPostgresUnreachable } from './errors.ts'

const retryIntervalMs = 500

/**
 * Waits until the server accepts connections: a database may start later than the service. A wrong password
 * or certificate, a missing database and a standby are reported at once.
 */
export async function waitUntilReachable (db: Database, timeoutMs: number, onNotice: (message: string) => void): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (let attempts = 1; ; attempts++) {
    try {
      await sql`select 1`.execute(db)
      return
    } catch (error) {
      if (!isPostgresUnreachable(error) || performance.now() >= deadline) throw error
    }
    if (attempts === 1) onNotice('waiting for the database')
    await wait(retryIntervalMs)
  }
}
