import { setTimeout as wait } from 'node:timers/promises'
import { isSerializationFailure } from './open.ts'
import type { Database } from './tables.ts'

const mostTries = 7
/** Milliseconds. */
const firstPause = 5

/**
 * Does the work in one transaction: in the one at hand, or else in a new one, again where the database could not put it in
 * order with others. The work must therefore touch nothing but the database it is handed, and wait for nothing else: transactions
 * share commits, and one that waits for another may wait for itself.
 */
export async function inTransaction<Result> (db: Database, work: (transaction: Database) => Promise<Result>): Promise<Result> {
  if (db.isTransaction) return work(db)
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (tries === mostTries || !isSerializationFailure(error)) throw error
      // Those that were in each other's way must not meet again.
      await wait(Math.random() * firstPause * 2 ** tries)
    }
  }
}

/** Does the work in a transaction that is rolled back, and gives its result all the same. */
export async function rehearse<Result> (db: Database, work: (transaction: Database) => Promise<Result>): Promise<Result> {
  const transaction = await db.startTransaction().execute()
  try {
    return await work(transaction)
  } finally {
    await transaction.rollback().execute()
  }
}
