import { listUnappliedMigrations } from './migrate.ts'
import { openApart } from './open.ts'
import type { Database } from './tables.ts'

const cacheTtlMs = 1_000

/**
 * Asks the database whether it answers and has this version's migrations. Anybody may ask, without a limit: concurrent calls
 * share one query, and its result or failure is cached for a second. On PostgreSQL the query has a connection of its own.
 */
export class Readiness {
  readonly #connection: ReturnType<typeof openApart>
  #unapplied: Promise<string[]> | undefined
  #expiresAt = 0

  constructor (db: Database) {
    this.#connection = openApart(db)
  }

  /** The names of the migrations that are not applied. */
  listUnapplied (): Promise<string[]> {
    if (this.#unapplied === undefined || performance.now() >= this.#expiresAt) {
      this.#expiresAt = Infinity
      this.#unapplied = listUnappliedMigrations(this.#connection.db).finally(() => { this.#expiresAt = performance.now() + cacheTtlMs })
    }
    return this.#unapplied
  }

  close (): Promise<void> {
    return this.#connection.close()
  }
}
