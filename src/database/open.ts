import { Kysely } from 'kysely'
import { isPostgresConflict, isPostgresSerializationFailure, isPostgresUnavailable, postgresDialect } from './postgres.ts'
import { isSqliteConflict, isSqliteUnavailable, sqliteDialect } from './sqlite.ts'
import type { Database, Tables } from './tables.ts'

/** Opens the database at `sqlite:<path>`, `sqlite::memory:` or `postgres://…`; nothing is connected before the first query. */
export function openDatabase (url: string): Database {
  const dialect = url.startsWith('sqlite:') ? sqliteDialect(url.slice('sqlite:'.length)) : postgresDialect(url)
  return new Kysely<Tables>({ dialect })
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
