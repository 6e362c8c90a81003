import { Kysely } from 'kysely'
import { isPostgresConflict, isPostgresSerializationFailure, isPostgresUnavailable, postgresDialect } from './postgres.ts'
import { isSqliteConflict, isSqliteUnavailable, sqliteDialect, sqliteDriver } from './sqlite.ts'
import type { Database, Tables } from './tables.ts'

const changeMarks = new WeakMap<Database, () => string>()

/**
 * Opens the database at `sqlite:<path>`, `sqlite::memory:` or `postgres://…`; nothing is connected before the first query.
 * @param options.mustExist whether a file that is not there is an error, and not made
 */
export function openDatabase (url: string, { mustExist = false } = {}): Database {
  if (!url.startsWith('sqlite:')) return new Kysely<Tables>({ dialect: postgresDialect(url) })
  const driver = sqliteDriver(url.slice('sqlite:'.length), mustExist)
  const db = new Kysely<Tables>({ dialect: sqliteDialect(driver) })
  changeMarks.set(db, () => driver.changeMark())
  return db
}

/**
 * What differs whenever anything in the database differs, whoever changed it, and costs almost nothing to ask;
 * undefined where the database has no such thing, and everything has to be read again each time.
 */
export function changeMark (db: Database): string | undefined {
  return changeMarks.get(db)?.()
}

/** Whether the storage, not what was asked of it, is at fault: to be answered with 503 and tried again. */
export function isStorageUnavailable (error: unknown): boolean {
  return isSqliteUnavailable(error) || isPostgresUnavailable(error)
}

/** Whether a row would repeat what has to be unique. */
export function isConflict (error: unknown): boolean {
  return isSqliteConflict(error) || isPostgresConflict(error)
}

/** Whether a transaction could not be put in order with others, and may succeed when it is tried again. */
export function isSerializationFailure (error: unknown): boolean {
  return isPostgresSerializationFailure(error)
}
