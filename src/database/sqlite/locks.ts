// SQLite's own waiting for the locks of other processes keeps this whole process waiting. So it is told not to wait, and is
// asked again instead.

import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'

/** How long the locks of other processes are waited for, and how often they are tried, in milliseconds. */
const timeout = 5_000
const pause = 10

/** When one who begins now has waited long enough. */
export function lockDeadline (): number {
  return performance.now() + timeout
}

/** Tries again, until the deadline, for as long as another process has the lock. */
export async function unlessLocked<Result> (deadline: number, attempt: () => Result | Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error
    }
    await wait(pause)
  }
}

function isLocked (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
