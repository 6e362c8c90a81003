// Kysely's own driver has one query at a time, each write with a disk flush of its own. Here reads go on beside each other,
// and writes that come right after each other are committed together, with one flush: each is acknowledged once that
// commit is on disk, and one that fails fails alone. A transaction has the file to itself from its begin to its end.
// better-sqlite3 is synchronous, so what happens between two awaits here happens at once.

import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import type { SqliteFile } from './sqlite-file.ts'

/** How long a query waits for the locks of other processes before it is given up, and how often it tries, in milliseconds. */
const lockTimeout = 5_000
const lockPause = 10
/** For how many turns of the event loop a commit waits, at most, for writes that are on their way, and for how many milliseconds. */
const mostTurns = 4
const longestWait = 10

interface Write {
  run: () => void
  resolve: () => void
  reject: (error: unknown) => void
}

export class SqliteDriver implements Driver {
  readonly file: SqliteFile
  /** Commits of writes outside of transactions, and how many such writes they held. */
  readonly grouped = { commits: 0, writes: 0 }
  #writes: Write[] = []
  /** Settled when the writer who came last is done. One at a time tries for the lock, and those who only read wait for none. */
  #lastTurn: Promise<void> | undefined
  /** Settled when the transaction that has the file is over. */
  #exclusive: Promise<void> | undefined

  constructor (file: SqliteFile) {
    this.file = file
  }

  async init (): Promise<void> {
    this.file.open()
  }

  async acquireConnection (): Promise<SqliteConnection> {
    return new SqliteConnection(this)
  }

  async releaseConnection (): Promise<void> {}

  async beginTransaction (connection: SqliteConnection): Promise<void> {
    const deadline = lockDeadline()
    const endTurn = await this.#takeTurn()
    try {
      await unlessLocked(deadline, () => {
        // Every transaction here writes: with the write lock from its beginning, others wait instead of fail.
        this.file.prepare('begin immediate').run()
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#exclusive = promise
        connection.endTransaction = () => {
          this.#exclusive = undefined
          connection.endTransaction = undefined
          resolve()
          endTurn()
        }
      })
    } catch (error) {
      endTurn()
      throw error
    }
  }

  async commitTransaction (connection: SqliteConnection): Promise<void> {
    await unlessLocked(lockDeadline(), () => this.file.prepare('commit').run())
    this.file.checkInPlace()
    connection.endTransaction?.()
  }

  async rollbackTransaction (connection: SqliteConnection): Promise<void> {
    try {
      this.file.rollBack()
    } finally {
      connection.endTransaction?.()
    }
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
    const endTurn = await this.#takeTurn()
    return this.file.replace(prepare).finally(endTurn)
  }

  /** Runs a query outside of any transaction of its own. */
  async run<Result> (query: () => Result, writes: boolean): Promise<Result> {
    return writes ? this.#write(query) : this.#read(query)
  }

  async #read<Result> (query: () => Result): Promise<Result> {
    const deadline = lockDeadline()
    for (;;) {
      while (this.#exclusive !== undefined) await this.#exclusive
      try {
        return query()
      } catch (error) {
        if (!isLocked(error) || performance.now() > deadline) throw error
      }
      await wait(lockPause)
    }
  }

  #write<Result> (query: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#writes.length === 0) {
        const end = performance.now() + longestWait
        setImmediate(() => this.#gather(0, mostTurns, end))
      }
      let result: Result
      this.#writes.push({ run: () => { result = query() }, resolve: () => resolve(result), reject })
    })
  }

  /** Waits for as long as each turn brings another write. */
  #gather (known: number, turns: number, end: number): void {
    const { length } = this.#writes
    if (length > known && turns > 0 && performance.now() < end) setImmediate(() => this.#gather(length, turns - 1, end))
    else this.#commitTogether()
  }

  async #commitTogether (): Promise<void> {
    const deadline = lockDeadline()
    const endTurn = await this.#takeTurn()
    const writes = this.#writes
    this.#writes = []
    try {
      const done = await unlessLocked(deadline, () => writes.length === 1 ? runAlone(writes) : this.#runTogether(writes))
      this.file.checkInPlace()
      this.grouped.commits++
      this.grouped.writes += done.length
      for (const { resolve } of done) resolve()
    } catch (error) {
      for (const { reject } of writes) reject(error)
    } finally {
      endTurn()
    }
  }

  /** Waits until the writers before are done; the next one waits until the turn is ended. */
  async #takeTurn (): Promise<() => void> {
    const before = this.#lastTurn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastTurn = promise
    await before
    return resolve
  }

  /** The writes that succeeded, committed; the others have been rejected. */
  #runTogether (writes: Write[]): Write[] {
    const failed: [Write, unknown][] = []
    this.file.prepare('begin immediate').run()
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
      this.file.prepare('commit').run()
    } catch (error) {
      this.file.rollBack()
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
    const query = () => this.#driver.file.execute<Row>(sql, parameters)
    return this.endTransaction === undefined ? this.#driver.run(query, !this.#driver.file.prepare(sql).readonly) : query()
  }

  async * streamQuery<Row> (query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query)
  }
}

function runAlone (writes: Write[]): Write[] {
  for (const write of writes) write.run()
  return writes
}

function lockDeadline (): number {
  return performance.now() + lockTimeout
}

/** Tries again for a while where another process has the lock, without keeping this one from its other work. */
async function unlessLocked<Result> (deadline: number, attempt: () => Result): Promise<Result> {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error
    }
    await wait(lockPause)
  }
}

function isLocked (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
