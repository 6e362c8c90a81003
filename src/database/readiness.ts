import type { DatabaseHandle, SeparateConnection } from './handle.ts'
import { listUnappliedMigrations } from './migrate.ts'

const cacheTtlMs = 1_000

/**
 * Checks that the database responds and has this version's migrations. Anybody may ask for readiness, without
 * a rate limit. So concurrent calls share one query, and its result or failure is cached for a second. On
 * PostgreSQL the query has a connection of its own.
 */
export class Readiness {
  readonly #connection: SeparateConnection
  #unapplied: Promise<string[]> | undefined
  #expiresAt = 0

  constructor (database: DatabaseHandle) {
    this.#connection = database.openSeparateConnection()
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
