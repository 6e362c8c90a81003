import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { CompiledQuery, SqliteAdapter, SqliteDialect, SqliteDriver, type DatabaseConnection, type DialectAdapter, type Dialect, type Driver, type SqliteDatabase } from 'kysely'

/** How long another process may hold the write lock, in milliseconds. better-sqlite3 is synchronous: nothing else runs meanwhile. */
const lockTimeout = 1_000
const mostStatements = 200

/** A dialect over the file at `path`, made with its folder where it is not there yet, or over memory (`:memory:`). */
export function sqliteDialect (path: string): Dialect {
  return new ServiceSqliteDialect({ database: async () => openFile(path) })
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

function openFile (path: string): SqliteDatabase {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const file = new BetterSqlite3(path, { timeout: lockTimeout })
  file.pragma('journal_mode = WAL')
  // In WAL, NORMAL (better-sqlite3's default) loses acknowledged writes when the machine goes down.
  file.pragma('synchronous = FULL')
  file.pragma('foreign_keys = ON')
  return rememberStatements(file)
}

// Kysely prepares a statement on every call, which costs more than running it.
function rememberStatements (file: BetterSqlite3.Database): SqliteDatabase {
  const statements = new Map<string, BetterSqlite3.Statement>()
  return {
    close: () => file.close(),
    prepare: sql => {
      let statement = statements.get(sql)
      if (statement === undefined) {
        if (statements.size >= mostStatements) statements.clear()
        statement = file.prepare(sql)
        statements.set(sql, statement)
      }
      return statement
    }
  }
}

class ServiceSqliteDialect extends SqliteDialect {
  readonly #config: { database: () => Promise<SqliteDatabase> }

  constructor (config: { database: () => Promise<SqliteDatabase> }) {
    super(config)
    this.#config = config
  }

  override createDriver (): Driver {
    return new ImmediateDriver(this.#config)
  }

  override createAdapter (): DialectAdapter {
    return new TransactionalDdlAdapter()
  }
}

// Every transaction here writes. Taking the write lock at its start is what makes others wait instead of fail.
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction (connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}

// Kysely then runs all migrations in one transaction, which the driver above begins with the write lock in hand:
// of several processes that start at once, one migrates and the others find it done.
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl (): boolean {
    return true
  }
}
