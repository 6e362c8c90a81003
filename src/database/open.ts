import { Kysely } from 'kysely'
import { queryLog, type ObserveQuery } from './query-observer.ts'
import { type Connections, isPostgresConflict, isPostgresForeignKeyViolation, isPostgresSerializationFailure, postgresDialect } from './postgres/dialect.ts'
import { isSqliteConflict, isSqliteForeignKeyViolation, isSqliteUnavailable, sqliteDialect, sqliteDriver } from './sqlite/dialect.ts'
import { provideStatistics, type PoolStatistics } from './statistics.ts'
import type { Database, Tables } from './tables.ts'
import { isMarkedUnavailable } from './unavailable.ts'

const changeMarks = new WeakMap<Database, () => number>()
const fileReplacers = new WeakMap<Database, (prepare: () => Promise<unknown>) => Promise<boolean>>()
const postgresUrls = new WeakMap<Database, string>()

/** A pool before its first query. */
const unused: PoolStatistics = { size: 0, open: 0, idle: 0, waiting: 0, wait: 0 }

interface OpenOptions {
  mustExist?: boolean
  onQuery?: ObserveQuery | undefined
}

/**
 * Opens the database at `sqlite:<path>`, `sqlite::memory:` or `postgres://…`; nothing is connected before the first query.
 * @param options.mustExist whether a file that is not there is an error, and not made
 * @param options.onQuery told of every query when it is over
 */
export function openDatabase (url: string, { mustExist = false, onQuery }: OpenOptions = {}): Database {
  const observed = onQuery && { log: queryLog(onQuery) }
  if (!url.startsWith('sqlite:')) {
    let pool: Connections | undefined
    const db = new Kysely<Tables>({ dialect: postgresDialect(url, { onPool: made => { pool = made } }), ...observed })
    postgresUrls.set(db, url)
    provideStatistics(db, () => ({ pool: pool?.statistics ?? unused }))
    return db
  }
  const driver = sqliteDriver(url.slice('sqlite:'.length), mustExist)
  const db = new Kysely<Tables>({ dialect: sqliteDialect(driver), ...observed })
  changeMarks.set(db, () => driver.file.changeMark())
  fileReplacers.set(db, prepare => driver.replaceFile(prepare))
  provideStatistics(db, () => ({ grouped: driver.groups.counts }))
  return db
}

/** Whether this is SQLite; PostgreSQL otherwise. */
export function isSqlite (db: Database): boolean {
  return fileReplacers.has(db)
}

/**
 * What differs whenever anything in the database differs, whoever changed it, and costs almost nothing to ask;
 * undefined where the database has no such thing, and everything has to be read again each time.
 */
export function changeMark (db: Database): number | undefined {
  return changeMarks.get(db)?.()
}

/**
 * Opens an SQLite file anew where it was deleted, moved or replaced underneath, and another one is in its place.
 * @param prepare makes the new file fit for use, before it is used
 * @returns whether it was opened anew
 * @throws {SqliteError} `SQLITE_READONLY_DBMOVED` where there is no file yet; what opening it throws, where it cannot be used
 */
export async function replaceFile (db: Database, prepare: () => Promise<unknown>): Promise<boolean> {
  return await fileReplacers.get(db)?.(prepare) ?? false
}

/** Does work that may take as long as it takes, such as a migration, without the limits under which requests are answered. */
export async function withoutTimeLimits<Result> (db: Database, work: (db: Database) => Promise<Result>): Promise<Result> {
  const url = postgresUrls.get(db)
  if (url === undefined) return work(db)
  const patient = new Kysely<Tables>({ dialect: postgresDialect(url, { patient: true, poolSize: 1 }) })
  try {
    return await work(patient)
  } finally {
    await patient.destroy()
  }
}

/**
 * Opens a handle with one connection of its own, so that its queries never wait for the pool. SQLite has no pool; there the
 * handle is `db` itself.
 */
export function openApart (db: Database): { db: Database, close (): Promise<void> } {
  const url = postgresUrls.get(db)
  if (url === undefined) return { db, close: async () => {} }
  const apart = new Kysely<Tables>({ dialect: postgresDialect(url, { poolSize: 1 }) })
  return { db: apart, close: () => apart.destroy() }
}

/** Whether an error came from the database and says that the storage is at fault, not the query: the response is a 503. */
export function isStorageUnavailable (error: unknown): boolean {
  return isSqliteUnavailable(error) || isMarkedUnavailable(error)
}

/** Whether a row would repeat what has to be unique. */
export function isConflict (error: unknown): boolean {
  return isSqliteConflict(error) || isPostgresConflict(error)
}

/** Whether a row would refer to one that is not there, or was deleted meanwhile. */
export function isForeignKeyViolation (error: unknown): boolean {
  return isSqliteForeignKeyViolation(error) || isPostgresForeignKeyViolation(error)
}

/** Whether a transaction could not be put in order with others, and may succeed when it is tried again. */
export function isSerializationFailure (error: unknown): boolean {
  return isPostgresSerializationFailure(error)
}
