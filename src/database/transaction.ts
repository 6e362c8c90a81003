import { setTimeout as wait } from 'node:timers/promises'
import { isSerializationFailure } from './errors.ts'
import type { Database } from './tables.ts'

const maxAttempts = 7
const firstBackoffMs = 5

/**
 * Runs work in the current transaction, or in a new one. A new transaction is retried after a serialization
 * failure.
 *
 * 1. The work uses only the database that it is given, because it may run several times.
 * 2. The work waits for nothing else. Transactions share commits, and one that waits for another may wait for
 *    itself.
 */
export async function inTransaction<Result> (db: Database, work: (transaction: Database) => Promise<Result>): Promise<Result> {
  if (db.isTransaction) return work(db)
  for (let attempts = 1; ; attempts++) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (attempts === maxAttempts || !isSerializationFailure(error)) throw error
      // A random wait keeps the transactions that conflicted from conflicting again.
      await wait(Math.random() * firstBackoffMs * 2 ** attempts)
    }
  }
}

/** Runs work in a transaction, rolls it back, and returns the result of the work. */
export async function rehearse<Result> (db: Database, work: (transaction: Database) => Promise<Result>): Promise<Result> {
  const transaction = await db.startTransaction().execute()
  try {
    return await work(transaction)
  } finally {
    await transaction.rollback().execute()
  }
}
