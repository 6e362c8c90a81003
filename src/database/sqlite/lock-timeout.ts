// SQLite's own wait for a lock of another process blocks this whole process. So SQLite does not wait, and
// this file retries.

import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'

const lockTimeoutMs = 5_000
const retryIntervalMs = 10

/** The time, as `performance.now()` counts, until which a query that begins now waits for a lock. */
export function lockDeadline (): number {
  return performance.now() + lockTimeoutMs
}

/** Retries until the deadline while another process holds the lock. */
export async function retryWhileLocked<Result> (deadline: number, attempt: () => Result | Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error
    }
    await wait(retryIntervalMs)
  }
}

function isLocked (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
