import { statSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { makeFolder } from '../make-folder.ts'

const accessErrors = /^(SQLITE_CANTOPEN|SQLITE_READONLY|EACCES|EPERM|EROFS)/

/**
 * Opens the file at `path`, created with its folder unless it must exist, or a database in memory
 * (`:memory:`).
 * @throws {Error} with the path, the user and the permissions where the file is not accessible
 */
export function openConnection (path: string, mustExist: boolean): BetterSqlite3.Database {
  try {
    return open(path, mustExist)
  } catch (error) {
    if (error instanceof Error && 'code' in error && accessErrors.test(String(error.code))) error.message += `; ${describeAccess(path)}`
    throw error
  }
}

function open (path: string, mustExist: boolean): BetterSqlite3.Database {
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

/** Owner and mode of the file, and of the nearest folder that exists. SQLite needs to write to both. */
function describeAccess (path: string): string {
  const file = resolve(path)
  let folder = dirname(file)
  while (find(folder) === undefined && folder !== dirname(folder)) folder = dirname(folder)
  const paths = [file, folder].map(path => {
    const found = find(path)
    return found && `${path} belongs to user id ${found.uid} with mode ${(found.mode & 0o7777).toString(8)}`
  })
  return [...paths.filter(text => text !== undefined), `the service runs as user id ${process.geteuid?.()}`].join(', ')
}

function find (path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
