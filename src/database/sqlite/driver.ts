// Kysely's own SQLite driver runs one query at a time and flushes the disk for each write. This driver runs
// reads beside each other, and commits writes and transactions that arrive together in one group.
//
// better-sqlite3 is synchronous, so all code between two awaits here runs without interruption.

import type BetterSqlite3 from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import type { SqliteFile } from './file.ts'
import { GroupCommit } from './group-commit.ts'
import { SqliteTransaction } from './transaction.ts'

export class SqliteDriver implements Driver {
  readonly file: SqliteFile
  readonly groupCommit: GroupCommit

  constructor (file: SqliteFile) {
    this.file = file
    this.groupCommit = new GroupCommit(file)
  }

  async init (): Promise<void> {
    this.file.open()
  }

  async acquireConnection (): Promise<SqliteConnection> {
    return new SqliteConnection(this)
  }

  async releaseConnection (): Promise<void> {}

  async beginTransaction (connection: SqliteConnection): Promise<void> {
    connection.transaction = new SqliteTransaction(this.file, this.groupCommit)
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

  /** `SqliteFile.replace`, while no transaction is in progress. */
  async replaceFile (prepare: () => Promise<unknown>): Promise<boolean> {
    return this.groupCommit.withoutWriters(() => this.file.replace(prepare))
  }

  /** Runs a single statement that writes, as a member of a group commit. */
  async write<Result> (query: () => Result): Promise<Result> {
    let outcome: () => Result = query
    await this.groupCommit.join(() => {
      try {
        const result = query()
        outcome = () => result
        return true
      } catch (error) {
        // SQLite has undone the one statement (https://sqlite.org/lang_conflict.html), unless it rolled back
        // the whole group.
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
  /** The transaction that was begun last. Kysely uses the connection for nothing else after it. */
  transaction: SqliteTransaction | undefined

  constructor (driver: SqliteDriver) {
    this.#driver = driver
  }

  async executeQuery<Row> ({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { file } = this.#driver
    const query = () => {
      const statement = file.prepare(sql)
      if (!statement.readonly) file.noteWrite()
      return execute<Row>(statement, parameters)
    }
    if (this.transaction !== undefined) return this.transaction.query(query)
    return file.prepare(sql).readonly ? this.#driver.groupCommit.read(query) : this.#driver.write(query)
  }

  async * streamQuery<Row> (query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query)
  }
}

/**
 * Uses `all()`, not `get()`: `get()` stops at the first row, before the commit, and never reports that the
 * commit failed.
 */
function execute<Row> (
  statement: BetterSqlite3.Statement<unknown[], unknown>, parameters: readonly unknown[]
): QueryResult<Row> {
  // The type of the rows is the caller's claim, as everywhere in Kysely.
  if (statement.reader) return { rows: statement.all(...parameters) as Row[] }
  const { changes, lastInsertRowid } = statement.run(...parameters)
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
}
