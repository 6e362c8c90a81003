import { setTimeout as wait } from 'node:timers/promises'
import { PostgresAdapter, PostgresDialect, sql } from 'kysely'
import type { Database } from '../tables.ts'
import { isPostgresLockTimeout } from './errors.ts'

/**
 * A migration that waits for a table lock blocks all later queries of that table, so it waits only so long at
 * a time.
 */
const lockTimeoutMs = 2_000
const maxRetryIntervalMs = 1_000
/** The number of Kysely's own lock, because versions of this service before this one use that. */
const lockId = '3853314791062309107'

/** Limits the wait for each lock of the transaction. */
export async function limitLockWait (transaction: Database): Promise<void> {
  await sql`select set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true)`.execute(transaction)
}

/**
 * Takes the lock of the migrations until the end of the transaction. Kysely's own lock belongs to the
 * session, and a pooler may run the unlock in another session.
 */
export async function lockMigrations (transaction: Database): Promise<void> {
  await limitLockWait(transaction)
  await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(transaction)
}

/** @param onWait called before the first retry */
export async function retryAfterLockTimeout<Result> (attempt: () => Promise<Result>, onWait: () => void): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isPostgresLockTimeout(error)) throw error
    }
    if (attempts === 1) onWait()
    // A random wait lets the queries run that waited behind the lock.
    await wait(Math.random() * maxRetryIntervalMs)
  }
}

/** Kysely's dialect, whose migrator takes no lock of its own. */
export class PostgresDialectWithoutLock extends PostgresDialect {
  override createAdapter (): PostgresAdapter {
    return new AdapterWithoutLock()
  }
}

class AdapterWithoutLock extends PostgresAdapter {
  override async acquireMigrationLock (): Promise<void> {}
  override async releaseMigrationLock (): Promise<void> {}
}
