// Kysely's own driver has one query at a time, each write with a disk flush of its own. Here reads go on beside each other,
// and writes and transactions that come right after each other are committed together. better-sqlite3 is synchronous, so what
// happens between two awaits here happens at once.

import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { GroupCommit } from './group-commit.ts'
import type { SqliteFile } from './file.ts'
import { SqliteTransaction } from './transaction.ts'

export class SqliteDriver implements Driver {
  readonly file: SqliteFile
  readonly groups: GroupCommit

  constructor (file: SqliteFile) {
    this.file = file
    this.groups = new GroupCommit(file)
  }

  async init (): Promise<void> {
    this.file.open()
  }

  async acquireConnection (): Promise<SqliteConnection> {
    return new SqliteConnection(this)
  }

  async releaseConnection (): Promise<void> {}

  async beginTransaction (connection: SqliteConnection): Promise<void> {
    connection.transaction = new SqliteTransaction(this.file, this.groups)
    await connection.transaction.begin()
  }

  async commitTransaction ({ transaction }: SqliteConnection): Promise<void> {
    await transaction?.commit()
  }

  async rollbackTransaction ({ transaction }: SqliteConnection): Promise<void> {
    await transaction?.rollBack()
  }

  async destroy (): Promise<void> {
    this.file.close()
  }

  /**
   * Opens the file anew where it was deleted, moved or replaced, and another one is in its place.
   * @param prepare makes the new file fit for use
   * @returns whether it was opened anew
   * @throws {SqliteError} where there is none yet, or it cannot be used
   */
  async replaceFile (prepare: () => Promise<unknown>): Promise<boolean> {
    return this.groups.whileNobodyWrites(() => this.file.replace(prepare))
  }

  /** Runs a query that writes, outside of any transaction of its own. */
  async write<Result> (query: () => Result): Promise<Result> {
    let outcome: () => Result = query
    await this.groups.join(() => {
      try {
        const result = query()
        outcome = () => result
        return true
      } catch (error) {
        // It is one statement, of which SQLite has undone what it did (https://sqlite.org/lang_conflict.html), unless it gave up
        // the whole transaction.
        if (!this.file.inTransaction) throw error
        outcome = () => { throw error }
        return false
      }
    })
    return outcome()
  }
}

export class SqliteConnection implements DatabaseConnection {
  readonly #driver: SqliteDriver
  /** The last one that was begun here; after it, the connection serves only for the next. */
  transaction: SqliteTransaction | undefined

  constructor (driver: SqliteDriver) {
    this.#driver = driver
  }

  async executeQuery<Row> ({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { file } = this.#driver
    const query = () => file.execute<Row>(sql, parameters)
    if (this.transaction !== undefined) return this.transaction.query(query)
    return file.prepare(sql).readonly ? this.#driver.groups.read(query) : this.#driver.write(query)
  }

  async * streamQuery<Row> (query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query)
  }
}
