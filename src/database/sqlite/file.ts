// SQLite goes on writing to a file that was deleted, moved or replaced underneath: what it then acknowledges is gone with the
// process. So it is asked again and again whether the paths still name the files that were opened, after every commit above
// all; where they do not, everything is refused, until a file that is there is opened in their place.
// https://sqlite.org/howtocorrupt.html#unlinking_or_renaming_a_database_file_while_in_use

import { statSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import type { QueryResult } from 'kysely'
import { commitCounter, type CommitCounter } from './commit-counter.ts'
import { fileIdentity } from './file-identity.ts'

const mostStatements = 200

export class SqliteFile {
  readonly #path: string
  readonly #open: () => BetterSqlite3.Database
  #connection: BetterSqlite3.Database | undefined
  #identity = ''
  #displaced = false
  /** What there was at the path when it was last looked at. */
  #candidate = ''
  readonly #statements = new Map<string, BetterSqlite3.Statement>()
  #commits: CommitCounter | undefined
  #ownWrites = 0

  /** @param open opens the file at the path; called again where it has to be opened anew */
  constructor (path: string, open: () => BetterSqlite3.Database) {
    this.#path = path
    this.#open = open
  }

  open (): void {
    const before = fileIdentity(this.#path)
    const connection = this.#open()
    if (before !== 'none' && before !== fileIdentity(this.#path)) {
      connection.close()
      throw displaced()
    }
    this.#connection = connection
    this.#identity = this.#identify()
    this.#displaced = false
  }

  close (): void {
    this.#statements.clear()
    this.#connection?.close()
    this.#connection = undefined
    // Not before: to close any descriptor of a file is to give up all locks that the process has on it.
    this.#commits?.close()
    this.#commits = undefined
  }

  get inTransaction (): boolean {
    return this.#connection?.inTransaction ?? false
  }

  rollBack (): void {
    // SQLite has rolled back by itself where the disk is full, or fails.
    if (this.inTransaction) this.#connection?.exec('rollback')
  }

  /** @throws {SqliteError} `SQLITE_READONLY_DBMOVED`, where the paths no longer name the files that are open */
  checkInPlace (): void {
    this.#displaced ||= this.#identity !== this.#identify()
    if (this.#displaced) throw displaced()
  }

  /**
   * Lets go of files that are not in place any more, and opens those that are, or says why not. No transaction may be under way.
   * @param prepare makes the file that is there now fit for use, before it is opened here
   * @returns whether there was anything to do
   */
  async replace (prepare: () => Promise<unknown>): Promise<boolean> {
    try {
      this.checkInPlace()
      return false
    } catch (error) {
      // What was acknowledged goes from the write-ahead log to the file itself: it may have been moved, and the log that
      // is left behind must hold nothing that SQLite would add to the file that comes in its place.
      if (this.#connection !== undefined && !isEmptied(this.#connection)) throw error
      // While it is open, a deleted file can be had from /proc/<process>/fd. And a file that is being copied there is none yet.
      if (!this.#isSettled()) throw error
    }
    // Other than all before, whatever the new file's counter says.
    this.#ownWrites += (this.#commits?.read() ?? 0) + 1
    this.close()
    await prepare()
    this.open()
    return true
  }

  /** Whether there is the file that was there before, or one that is not empty and has not changed since this was last asked. */
  #isSettled (): boolean {
    if (this.#identity.startsWith(`${fileIdentity(this.#path)} `)) return true
    const found = statSync(this.#path, { throwIfNoEntry: false })
    const known = this.#candidate
    this.#candidate = found === undefined || found.size === 0 ? '' : `${found.ino} ${found.size} ${found.mtimeMs}`
    return this.#candidate !== '' && this.#candidate === known
  }

  /** Differs whenever anything in the file differs: the writes that were run here, committed or not, and the commits of others. */
  changeMark (): number {
    return this.#readCommits() + this.#ownWrites
  }

  #readCommits (): number {
    this.#commits ??= commitCounter(this.#usable())
    return this.#commits.read()
  }

  // Preparing a statement costs more than running it.
  prepare (sql: string): BetterSqlite3.Statement {
    const connection = this.#usable()
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= mostStatements) this.#statements.clear()
    const statement = connection.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  execute<Row> (sql: string, parameters: readonly unknown[]): QueryResult<Row> {
    const statement: BetterSqlite3.Statement<unknown[], unknown> = this.prepare(sql)
    if (!statement.readonly) this.#ownWrites++
    // all(), not get(): where a statement returns rows, get() leaves before the commit, and never learns that it failed.
    if (statement.reader) return { rows: Array.from<Row>(Object(statement.all(...parameters))) }
    const { changes, lastInsertRowid } = statement.run(...parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  #usable (): BetterSqlite3.Database {
    if (this.#displaced) throw displaced()
    if (this.#connection === undefined) throw new Error('the database is not open')
    return this.#connection
  }

  #identify (): string {
    return this.#connection?.memory ? '' : fileIdentity(this.#path, `${this.#path}-wal`, `${this.#path}-shm`)
  }
}

function displaced (): Error {
  return new BetterSqlite3.SqliteError('the database file, or its write-ahead log, was deleted, moved or replaced', 'SQLITE_READONLY_DBMOVED')
}

/** Whether all of the write-ahead log is in the file now, and the log is empty. */
function isEmptied (connection: BetterSqlite3.Database): boolean {
  return connection.pragma('wal_checkpoint(truncate)', { simple: true }) === 0
}
