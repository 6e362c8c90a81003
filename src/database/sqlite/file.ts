// SQLite goes on writing to a file that was deleted, moved or replaced. The writes are lost when the process
// ends. So the identity of the files is compared after every commit and once a second. Once it differs, every
// query fails, until a file at the path is opened again.
// https://sqlite.org/howtocorrupt.html#unlinking_or_renaming_a_database_file_while_in_use

import { statSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { commitCounter, type CommitCounter } from './commit-counter.ts'
import { fileIdentity } from './file-identity.ts'
import { openConnection } from './open-connection.ts'
import { StatementCache } from './statement-cache.ts'

interface SqliteFileOptions {
  mustExist?: boolean
  /** Opens the connection. Tests replace it. */
  connect?: typeof openConnection
}

/**
 * An SQLite file with its one connection. It notices when the file is replaced, and can then open the new
 * file.
 */
export class SqliteFile {
  readonly #path: string
  readonly #connect: () => BetterSqlite3.Database
  #connection: BetterSqlite3.Database | undefined
  #statements: StatementCache | undefined
  #commitCounter: CommitCounter | undefined
  #ownWrites = 0
  #identity = ''
  #isDisplaced = false
  /** Inode, size and time of the file that was last seen at the path. */
  #candidate = ''

  constructor (path: string, { mustExist = false, connect = openConnection }: SqliteFileOptions = {}) {
    this.#path = path
    this.#connect = () => connect(path, mustExist)
  }

  open (): void {
    const before = fileIdentity(this.#path)
    const connection = this.#connect()
    if (before !== 'none' && before !== fileIdentity(this.#path)) {
      connection.close()
      throw displacedError()
    }
    this.#connection = connection
    this.#statements = new StatementCache(connection)
    this.#identity = this.#identify()
    this.#isDisplaced = false
  }

  close (): void {
    this.#statements = undefined
    this.#connection?.close()
    this.#connection = undefined
    // The counter closes last. Closing any descriptor of a file releases all POSIX locks of the process on
    // that file.
    this.#commitCounter?.close()
    this.#commitCounter = undefined
  }

  get inTransaction (): boolean {
    return this.#connection?.inTransaction ?? false
  }

  rollBack (): void {
    // SQLite rolls back by itself when the disk is full or fails.
    if (this.inTransaction) this.#connection?.exec('rollback')
  }

  prepare (sql: string): BetterSqlite3.Statement<unknown[], unknown> {
    if (this.#isDisplaced) throw displacedError()
    if (this.#statements === undefined) throw new Error('the database is not open')
    return this.#statements.prepare(sql)
  }

  /** Counts a statement that writes. It changes the data version even before it is committed. */
  noteWrite (): void {
    this.#ownWrites++
  }

  /** Changes with every write of this process, committed or not, and with every commit of another process. */
  dataVersion (): number {
    if (this.#isDisplaced) throw displacedError()
    if (this.#connection === undefined) throw new Error('the database is not open')
    this.#commitCounter ??= commitCounter(this.#connection)
    return this.#commitCounter.read() + this.#ownWrites
  }

  /** @throws {SqliteError} `SQLITE_READONLY_DBMOVED` where the paths no longer name the open files */
  checkInPlace (): void {
    this.#isDisplaced ||= this.#identity !== this.#identify()
    if (this.#isDisplaced) throw displacedError()
  }

  /**
   * Closes files that are no longer in place, and opens the files that are. No transaction may be in
   * progress.
   * @param prepare migrates the new file before it is opened here
   * @returns whether a file was opened
   * @throws {SqliteError} where there is no new file yet, or it is unusable
   */
  async replace (prepare: () => Promise<unknown>): Promise<boolean> {
    try {
      this.checkInPlace()
      return false
    } catch (error) {
      // The checkpoint moves acknowledged writes from the write-ahead log into the file, which may only have
      // been moved. A log that stays behind with content would also be applied to the new file.
      if (this.#connection !== undefined && !checkpoint(this.#connection)) throw error
      // An open file that was deleted can be recovered from /proc/<process>/fd, so it stays open until there
      // is a new one.
      if (!this.#isSettled()) throw error
    }
    // The new file's counter starts anew. The data version must differ from all earlier ones.
    this.#ownWrites += (this.#commitCounter?.read() ?? 0) + 1
    this.close()
    await prepare()
    this.open()
    return true
  }

  /**
   * Whether the path names the original file, or another one that is not empty and did not change since the
   * last call.
   */
  #isSettled (): boolean {
    if (this.#identity.startsWith(`${fileIdentity(this.#path)} `)) return true
    const found = statSync(this.#path, { throwIfNoEntry: false })
    const lastCandidate = this.#candidate
    this.#candidate = found === undefined || found.size === 0 ? '' : `${found.ino} ${found.size} ${found.mtimeMs}`
    return this.#candidate !== '' && this.#candidate === lastCandidate
  }

  #identify (): string {
    return this.#connection?.memory ? '' : fileIdentity(this.#path, `${this.#path}-wal`, `${this.#path}-shm`)
  }
}

function displacedError (): Error {
  const message = 'the database file, or its write-ahead log, was deleted, moved or replaced'
  return new BetterSqlite3.SqliteError(message, 'SQLITE_READONLY_DBMOVED')
}

/** @returns whether the whole write-ahead log is now in the file, and the log is empty */
function checkpoint (connection: BetterSqlite3.Database): boolean {
  return connection.pragma('wal_checkpoint(truncate)', { simple: true }) === 0
}
