import { isConflict } from '../database/errors.ts'
import type { Database } from '../database/tables.ts'

const maxAttempts = 5

/**
 * Does work again where it violated a unique constraint. Another request inserted the same name, address or
 * identity in the meantime, and the next attempt finds its row. Inside a transaction of the caller the work
 * is done once: PostgreSQL has aborted that transaction.
 */
export async function retryConflict<Result> (db: Database, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (db.isTransaction || attempt === maxAttempts || !isConflict(error)) throw error
    }
  }
}
