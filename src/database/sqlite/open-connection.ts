import { dirname } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { makeFolder } from '../make-folder.ts'

/** Opens the file at `path`, created with its folder unless it must exist, or a database in memory (`:memory:`). */
export function openConnection (path: string, mustExist: boolean): BetterSqlite3.Database {
  const isFile = path !== ':memory:'
  if (isFile && !mustExist) makeFolder(dirname(path))
  const connection = new BetterSqlite3(path, { timeout: 5_000, fileMustExist: mustExist && isFile })
  try {
    connection.pragma('journal_mode = WAL')
    // In WAL mode better-sqlite3 defaults to NORMAL, which loses acknowledged writes at a power failure.
    connection.pragma('synchronous = FULL')
    connection.pragma('foreign_keys = ON')
    // 4,000 KiB. docs/decisions.md says why this is less than better-sqlite3's 16,000.
    connection.pragma('cache_size = -4000')
    // The first read opens the write-ahead log and its index.
    connection.pragma('user_version')
    // From here on `retryWhileLocked` waits for locks: SQLite's own wait blocks the process.
    connection.pragma('busy_timeout = 0')
  } catch (error) {
    connection.close()
    throw error
  }
  return connection
}
