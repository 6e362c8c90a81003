import { closeSync, constants, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { fileIdentity } from './file-identity.ts'
import { makeFolder } from '../make-folder.ts'

/** Pages that are copied between two looks at the signals. */
const pagesAStep = 1_000

interface BackupOptions {
  /** Whether a file that is there already is replaced. */
  replace: boolean
  /** Told how many of how many pages are copied. */
  onProgress: (done: number, total: number) => void
}

/**
 * Copies an SQLite database, as it is at one moment, to a file of its own while others go on writing to it. The copy is checked, and
 * only then gets its name; where anything fails, there is none.
 * @returns its size in bytes
 */
export async function backUp (database: string, file: string, { replace, onProgress }: BackupOptions): Promise<number> {
  if (!existsSync(database)) throw new Error(`There is no database ${database}.`)
  if (fileIdentity(database) === fileIdentity(file)) throw new Error(`${file} is the database itself.`)
  if (!replace && existsSync(file)) throw new Error(`${file} is there already; --force replaces it.`)
  if (!existsSync(dirname(resolve(file)))) throw new Error(`There is no folder ${dirname(resolve(file))}.`)

  const partial = `${resolve(file)}.partial-${process.pid}`
  const abandon = () => {
    discard(partial)
    process.exit(1)
  }
  process.once('SIGINT', abandon).once('SIGTERM', abandon)
  const source = new BetterSqlite3(database, { fileMustExist: true })
  try {
    // One reader's view from beginning to end: the copy would otherwise begin anew after every commit of another process.
    source.exec('begin; select 1 from sqlite_schema')
    const { totalPages } = await source.backup(partial, {
      progress: ({ totalPages, remainingPages }) => {
        onProgress(totalPages - remainingPages, totalPages)
        return pagesAStep
      }
    })
    onProgress(totalPages, totalPages)
    makeWhole(partial, database)
    renameSync(partial, file)
    flush(dirname(resolve(file)))
    return statSync(file).size
  } finally {
    source.close()
    discard(partial)
    process.off('SIGINT', abandon).off('SIGTERM', abandon)
  }
}

/**
 * Puts a backup in the place of a database that nobody has open. What was there is kept beside it.
 * @returns the path of what was there, undefined where there was nothing
 */
export function restore (backup: string, database: string): string | undefined {
  if (!existsSync(backup)) throw new Error(`There is no backup ${backup}.`)
  if (fileIdentity(backup) === fileIdentity(database)) throw new Error(`${backup} is the database itself.`)
  if (existsSync(`${backup}-wal`)) throw new Error(`${backup} has a write-ahead log beside it: somebody has it open, or it is no backup.`)
  makeFolder(dirname(database))
  const partial = `${database}.partial-${process.pid}`
  try {
    copyFileSync(backup, partial, constants.COPYFILE_EXCL)
    makeWhole(partial, backup)
    const aside = partsOf(database).length > 0 ? setAside(database) : undefined
    renameSync(partial, database)
    flush(dirname(resolve(database)))
    return aside
  } finally {
    discard(partial)
  }
}

/** Makes a copy one file, without a write-ahead log, checks it, and has it on disk. */
function makeWhole (copy: string, original: string): void {
  const file = new BetterSqlite3(copy)
  try {
    file.pragma('journal_mode = delete')
    const fault = file.pragma('quick_check(1)', { simple: true })
    if (fault !== 'ok') throw new Error(`${fault}`)
    if (file.prepare("select 1 from sqlite_schema where name = 'kysely_migration'").get() === undefined) throw new Error('it holds no articles')
  } catch (error) {
    throw new Error(`${original} cannot be used: ${error instanceof Error ? error.message : error}.`, { cause: error })
  } finally {
    file.close()
  }
  flush(copy)
}

/** Moves a database away, with what belongs to it, and says where it is then. */
function setAside (database: string): string {
  const aside = `${database}.replaced-${new Date().toISOString().replaceAll(':', '-')}`
  const file = existsSync(database) ? new BetterSqlite3(database, { timeout: 0 }) : undefined
  try {
    if (file !== undefined) takeAlone(file)
    // A write-ahead log that stayed would be added to the database that comes in place of its own.
    for (const suffix of partsOf(database)) renameSync(`${database}${suffix}`, `${aside}${suffix}`)
    return aside
  } finally {
    file?.close()
  }
}

/** The files that a database has. */
function partsOf (database: string): string[] {
  return ['', '-wal', '-shm'].filter(suffix => existsSync(`${database}${suffix}`))
}

/** Locks a database that nobody else has open, its write-ahead log folded in; one that is too damaged for that stays as it is. */
function takeAlone (file: BetterSqlite3.Database): void {
  try {
    file.pragma('journal_mode = delete')
    file.exec('begin exclusive')
  } catch (error) {
    if (!(error instanceof BetterSqlite3.SqliteError) || !/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) {
      throw new Error(`${file.name} is in use, or cannot be locked; stop the service first.`, { cause: error })
    }
  }
}

function discard (partial: string): void {
  for (const suffix of ['', '-journal']) rmSync(`${partial}${suffix}`, { force: true })
}

function flush (path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
