import BetterSqlite3 from 'better-sqlite3'

/** Whether the file or its disk is at fault, not the query or the data. https://sqlite.org/rescode.html */
export function isSqliteUnavailable (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError &&
    /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL)/.test(error.code)
}

export function isSqliteConflict (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(error.code)
}

export function isSqliteForeignKeyViolation (error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code === 'SQLITE_CONSTRAINT_FOREIGNKEY'
}
