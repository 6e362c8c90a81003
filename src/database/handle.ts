import type { ObserveQuery } from './query-observer.ts'
import type { Database } from './tables.ts'

/** An open database. It owns the connections; queries take its `db`. */
export interface DatabaseHandle {
  readonly db: Database
  /** PostgreSQL otherwise. */
  readonly isSqlite: boolean

  /**
   * The data version: a number that changes with every change in the database, by any process. Reading it
   * costs almost nothing. PostgreSQL has no such number, and the result is undefined.
   */
  dataVersion (): number | undefined

  statistics (): DatabaseStatistics

  /**
   * Opens an SQLite file again that was deleted, moved or replaced, once another file is in its place.
   * @param prepare migrates the new file before it is used
   * @returns whether the file was opened again
   * @throws {SqliteError} `SQLITE_READONLY_DBMOVED` while there is no new file; the error of opening one that
   *   is unusable
   */
  replaceFile (prepare: () => Promise<unknown>): Promise<boolean>

  /**
   * Runs work that may take long, such as a migration, without the time limits of requests. Where the server
   * does not accept connections yet, this waits for it.
   */
  withoutTimeLimits<Result> (work: (db: Database) => Promise<Result>): Promise<Result>

  /**
   * Opens one connection outside of the pool, so that its queries never wait for the pool. SQLite has no pool
   * and shares `db`.
   */
  openSeparateConnection (): SeparateConnection

  close (): Promise<void>
}

export interface SeparateConnection {
  readonly db: Database
  close (): Promise<void>
}

export interface OpenOptions {
  /** Whether a missing SQLite file is an error. Otherwise it is created. */
  mustExist?: boolean
  /** Called after every query. */
  onQuery?: ObserveQuery | undefined
  /** Called with a message for the operator. */
  onNotice?: (message: string) => void
}

export interface DatabaseStatistics {
  /** PostgreSQL only. */
  pool?: PoolStatistics
  /** SQLite only: the commits, and the writes and transactions that they contained. */
  groupCommits?: { commits: number, writes: number }
}

export interface PoolStatistics {
  maxConnections: number
  open: number
  idle: number
  /** Queries that wait for a connection. */
  waiting: number
  /** An upper bound of the time that the first of them has waited. */
  waitMs: number
}
