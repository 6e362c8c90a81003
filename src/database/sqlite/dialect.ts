import { SqliteAdapter, SqliteDialect as KyselySqliteDialect, type Dialect, type Kysely } from 'kysely'
import type { SqliteDriver } from './driver.ts'

/** Kysely's dialect for SQLite with a driver of our own. */
export class SqliteDialect implements Dialect {
  readonly #driver: SqliteDriver
  readonly createQueryCompiler = KyselySqliteDialect.prototype.createQueryCompiler
  readonly createIntrospector = KyselySqliteDialect.prototype.createIntrospector

  constructor (driver: SqliteDriver) {
    this.#driver = driver
  }

  createDriver (): SqliteDriver {
    return this.#driver
  }

  createAdapter (): SqliteAdapter {
    return new ConcurrentSqliteAdapter()
  }
}

/** Tells a query that has only `db` which SQL to use. */
export function isSqlite<Tables> (db: Kysely<Tables>): boolean {
  return db.getExecutor().adapter instanceof SqliteAdapter
}

class ConcurrentSqliteAdapter extends SqliteAdapter {
  // The driver runs transactions one after the other.
  override get supportsMultipleConnections (): boolean {
    return true
  }

  // Kysely then runs all migrations in one transaction, which takes the write lock first. When several
  // processes start at once, one of them migrates, and the others find nothing to do.
  override get supportsTransactionalDdl (): boolean {
    return true
  }
}
