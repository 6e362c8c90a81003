import { Kysely } from 'kysely'
import { isPostgresUnavailable, postgresDialect } from './postgres.ts'
import { isSqliteUnavailable, sqliteDialect } from './sqlite.ts'
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
