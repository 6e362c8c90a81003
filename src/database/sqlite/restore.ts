import { constants, copyFileSync, existsSync, renameSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { makeFolder } from '../make-folder.ts'
import { checkCopy, flush, removePartialFile } from './backup-file.ts'
import { fileIdentity } from './file-identity.ts'

/**
 * Replaces a database that no process has open with a backup. The old database stays beside it under another
 * name.
 * @returns the path of the old database, undefined where there was none
 */
export function restore (backup: string, database: string): string | undefined {
  if (!existsSync(backup)) throw new Error(`There is no backup ${backup}.`)
  if (fileIdentity(backup) === fileIdentity(database)) throw new Error(`${backup} is the database itself.`)
  if (existsSync(`${backup}-wal`)) throw new Error(`${backup} has a write-ahead log: it is in use, or it is not a backup.`)
  makeFolder(dirname(database))
  const partialFile = `${database}.partial-${process.pid}`
  try {
    copyFileSync(backup, partialFile, constants.COPYFILE_EXCL)
    checkCopy(partialFile, backup)
    const oldDatabase = listFiles(database).length > 0 ? moveAside(database) : undefined
    renameSync(partialFile, database)
    flush(dirname(resolve(database)))
    return oldDatabase
  } finally {
    removePartialFile(partialFile)
  }
}

/** Renames a database with its write-ahead log and index. */
function moveAside (database: string): string {
  const path = `${database}.replaced-${new Date().toISOString().replaceAll(':', '-')}`
  const file = existsSync(database) ? new BetterSqlite3(database, { timeout: 0 }) : undefined
  try {
    if (file !== undefined) lockExclusively(file)
    // SQLite would apply a write-ahead log that stays behind to the restored database.
    for (const suffix of listFiles(database)) renameSync(`${database}${suffix}`, `${path}${suffix}`)
    return path
  } finally {
    file?.close()
  }
}

/** The suffixes of the files that a database has. */
function listFiles (database: string): string[] {
  return ['', '-wal', '-shm'].filter(suffix => existsSync(`${database}${suffix}`))
}

/**
 * Moves the write-ahead log into the file, and locks it. A file that is too damaged for that stays as it is.
 * @throws {Error} where another process has the database open
 */
function lockExclusively (file: BetterSqlite3.Database): void {
  try {
    file.pragma('journal_mode = delete')
    file.exec('begin exclusive')
  } catch (error) {
    if (!(error instanceof BetterSqlite3.SqliteError) || !/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) {
      throw new Error(`${file.name} is in use, or cannot be locked; stop the service first.`, { cause: error })
    }
  }
}
