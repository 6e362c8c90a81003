// Kysely's own driver has one query at a time, each write with a disk flush of its own. Here reads go on beside each other,
// and writes that come right after each other are committed together, with one flush: each is acknowledged once that
// commit is on disk, and one that fails fails alone. A transaction has the file to itself from its begin to its end.
// better-sqlite3 is synchronous, so what happens between two awaits here happens at once.

import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { commitCounter, type CommitCounter } from './commit-counter.ts'

/** How long another process may hold the write lock before a write is given up, and how often to try, in milliseconds. */
const lockTimeout = 5_000
const lockPause = 10
const mostStatements = 200
/** How many turns of the event loop a commit waits, at most, for writes that are on their way. */
const mostTurns = 4

interface Write {
  run: () => void
  resolve: () => void
  reject: (error: unknown) => void
}

export class SqliteDriver implements Driver {
  readonly #open: () => BetterSqlite3.Database
  #file: BetterSqlite3.Database | undefined
  readonly #statements = new Map<string, BetterSqlite3.Statement>()
  #commits: CommitCounter | undefined
  /** What the counter said in this turn of the event loop. */
  #commitsOfTurn: number | undefined
  #ownWrites = 0
  /** Commits of writes outside of transactions, and how many such writes they held. */
  readonly grouped = { commits: 0, writes: 0 }
  #writes: Write[] = []
  /** Settled when the transaction that has the file is over. */
  #exclusive: Promise<void> | undefined

  constructor (open: () => BetterSqlite3.Database) {
    this.#open = open
  }

  get file (): BetterSqlite3.Database {
    if (this.#file === undefined) throw new Error('the database is not open')
    return this.#file
  }

  async init (): Promise<void> {
    this.#file = this.#open()
  }

  async acquireConnection (): Promise<SqliteConnection> {
    return new SqliteConnection(this)
  }

  async releaseConnection (): Promise<void> {}

  async beginTransaction (connection: SqliteConnection): Promise<void> {
    while (this.#exclusive !== undefined) await this.#exclusive
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#exclusive = promise
    connection.endTransaction = () => {
      this.#exclusive = undefined
      connection.endTransaction = undefined
      resolve()
    }
    try {
      // Every transaction here writes: with the write lock from its beginning, others wait instead of fail.
      await unlessLocked(() => this.prepare('begin immediate').run())
    } catch (error) {
      connection.endTransaction()
      throw error
    }
  }

  async commitTransaction (connection: SqliteConnection): Promise<void> {
    await unlessLocked(() => this.prepare('commit').run())
    connection.endTransaction?.()
  }

  async rollbackTransaction (connection: SqliteConnection): Promise<void> {
    // SQLite has rolled back by itself where the disk is full, or fails.
    if (this.file.inTransaction) this.prepare('rollback').run()
    connection.endTransaction?.()
  }

  async destroy (): Promise<void> {
    this.#commits?.close()
    this.#file?.close()
  }

  /** Differs whenever anything in the file differs: the writes that were run here, committed or not, and the commits of others. */
  changeMark (): number {
    return this.#readCommits() + this.#ownWrites
  }

  /** The same, for requests that come from the network: the others' commits are counted once for all that came in this turn. */
  changeMarkOfTurn (): number {
    if (this.#commitsOfTurn === undefined) {
      this.#commitsOfTurn = this.#readCommits()
      setImmediate(() => { this.#commitsOfTurn = undefined })
    }
    return this.#commitsOfTurn + this.#ownWrites
  }

  #readCommits (): number {
    this.#commits ??= commitCounter(this.file)
    return this.#commits.read()
  }

  // Preparing a statement costs more than running it.
  prepare (sql: string): BetterSqlite3.Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= mostStatements) this.#statements.clear()
    const statement = this.file.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  execute<Row> (statement: BetterSqlite3.Statement<unknown[], unknown>, parameters: readonly unknown[]): QueryResult<Row> {
    if (!statement.readonly) this.#ownWrites++
    // all(), not get(): where a statement returns rows, get() leaves before the commit, and never learns that it failed.
    if (statement.reader) return { rows: Array.from<Row>(Object(statement.all(...parameters))) }
    const { changes, lastInsertRowid } = statement.run(...parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  /** Runs a query outside of any transaction of its own. */
  async run<Result> (query: () => Result, writes: boolean): Promise<Result> {
    while (this.#exclusive !== undefined) await this.#exclusive
    return writes ? this.#write(query) : unlessLocked(query)
  }

  #write<Result> (query: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#writes.length === 0) setImmediate(() => this.#gather(0, mostTurns))
      let result: Result
      this.#writes.push({ run: () => { result = query() }, resolve: () => resolve(result), reject })
    })
  }

  /** Waits for as long as each turn brings another write. */
  #gather (known: number, turns: number): void {
    const { length } = this.#writes
    if (length > known && turns > 0) setImmediate(() => this.#gather(length, turns - 1))
    else this.#commitTogether()
  }

  async #commitTogether (): Promise<void> {
    while (this.#exclusive !== undefined) await this.#exclusive
    const writes = this.#writes
    this.#writes = []
    try {
      const done = await unlessLocked(() => writes.length === 1 ? runAlone(writes) : this.#runTogether(writes))
      this.grouped.commits++
      this.grouped.writes += done.length
      for (const { resolve } of done) resolve()
    } catch (error) {
      for (const { reject } of writes) reject(error)
    }
  }

  /** The writes that succeeded, committed; the others have been rejected. */
  #runTogether (writes: Write[]): Write[] {
    const failed: [Write, unknown][] = []
    this.prepare('begin immediate').run()
    try {
      for (const write of writes) {
        try {
          write.run()
        } catch (error) {
          // Each is one statement, of which SQLite has undone what it did (https://sqlite.org/lang_conflict.html), unless it
          // gave up the whole transaction: then every write has failed.
          if (!this.file.inTransaction) throw error
          failed.push([write, error])
        }
      }
      this.prepare('commit').run()
    } catch (error) {
      if (this.file.inTransaction) this.prepare('rollback').run()
      throw error
    }
    for (const [{ reject }, error] of failed) reject(error)
    return writes.filter(write => failed.every(([other]) => other !== write))
  }
}

export class SqliteConnection implements DatabaseConnection {
  readonly #driver: SqliteDriver
  /** There while a transaction is under way on this connection. */
  endTransaction: (() => void) | undefined

  constructor (driver: SqliteDriver) {
    this.#driver = driver
  }

  async executeQuery<Row> ({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.#driver.prepare(sql)
    const query = () => this.#driver.execute<Row>(statement, parameters)
    return this.endTransaction === undefined ? this.#driver.run(query, !statement.readonly) : query()
  }

  async * streamQuery<Row> (query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query)
  }
}

function runAlone (writes: Write[]): Write[] {
  for (const write of writes) write.run()
  return writes
}

/** Tries again for a while where another process has the lock, without keeping this one from its other work. */
async function unlessLocked<Result> (attempt: () => Result): Promise<Result> {
  const deadline = performance.now() + lockTimeout
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      const locked = error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')
      if (!locked || performance.now() > deadline) throw error
      await wait(lockPause)
    }
  }
}
