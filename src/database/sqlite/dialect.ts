import { dirname } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { SqliteAdapter, SqliteDialect, type Dialect } from 'kysely'
import { makeFolder } from '../make-folder.ts'
import { SqliteDriver } from './driver.ts'
import { SqliteFile } from './file.ts'

/** A driver for the file at `path`, made with its folder where it is not there yet, or for memory (`:memory:`). */
export function sqliteDriver (path: string, mustExist = false): SqliteDriver {
  return new SqliteDriver(new SqliteFile(path, () => openFile(path, mustExist)))
}

export function sqliteDialect (driver: SqliteDriver): Dialect {
  const { createQueryCompiler, createIntrospector } = SqliteDialect.prototype
  return {
    createDriver: () => driver,
    createAdapter: () => new ServiceSqliteAdapter(),
    createQueryCompiler,
    createIntrospector
  }
}

/** Whether the file refused for a reason that is neither the query's nor the data's, and may pass. https://sqlite.org/rescode.html */
export function isSqliteUnavailable (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError &&
    /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL)/.test(error.code)
}

/** Whether a row would repeat what has to be unique. */
export function isSqliteConflict (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(error.code)
}

/** Whether a row would refer to one that is not there, or not any more. */
export function isSqliteForeignKeyViolation (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code === 'SQLITE_CONSTRAINT_FOREIGNKEY'
}

function openFile (path: string, mustExist: boolean): BetterSqlite3.Database {
  if (path !== ':memory:' && !mustExist) makeFolder(dirname(path))
  const file = new BetterSqlite3(path, { timeout: 5_000, fileMustExist: mustExist && path !== ':memory:' })
  try {
    file.pragma('journal_mode = WAL')
    // In WAL, NORMAL (better-sqlite3's default) loses acknowledged writes when the machine goes down.
    file.pragma('synchronous = FULL')
    file.pragma('foreign_keys = ON')
    // In KiB. docs/decisions.md says why it is not better-sqlite3's 16,000.
    file.pragma('cache_size = -4000')
    // The write-ahead log and its index are opened by the first read.
    file.pragma('user_version')
    // From here on the driver waits for locks: SQLite's own waiting keeps the whole process waiting.
    file.pragma('busy_timeout = 0')
  } catch (error) {
    file.close()
    throw error
  }
  return file
}

class ServiceSqliteAdapter extends SqliteAdapter {
  // The driver above keeps transactions apart.
  override get supportsMultipleConnections (): boolean {
    return true
  }

  // Kysely then runs all migrations in one transaction, begun with the write lock in hand: of several processes that start
  // at once, one migrates and the others find it done.
  override get supportsTransactionalDdl (): boolean {
    return true
  }
}
