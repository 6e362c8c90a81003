import type BetterSqlite3 from 'better-sqlite3'

const maxStatements = 200

/**
 * Caches prepared statements by their SQL: preparing one costs more than running it. A full cache is emptied.
 */
export class StatementCache {
  readonly #connection: BetterSqlite3.Database
  readonly #statements = new Map<string, BetterSqlite3.Statement<unknown[], unknown>>()

  constructor (connection: BetterSqlite3.Database) {
    this.#connection = connection
  }

  prepare (sql: string): BetterSqlite3.Statement<unknown[], unknown> {
    const cached = this.#statements.get(sql)
    if (cached !== undefined) return cached
    if (this.#statements.size >= maxStatements) this.#statements.clear()
    const statement = this.#connection.prepare<unknown[], unknown>(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
