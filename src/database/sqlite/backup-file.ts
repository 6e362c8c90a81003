import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'

/**
 * Checks a copy of a database, removes its write-ahead log, and flushes it to disk.
 * @throws {Error} where the copy is damaged or belongs to another application
 */
export function checkCopy (copy: string, original: string): void {
  const file = new BetterSqlite3(copy)
  try {
    file.pragma('journal_mode = delete')
    const fault = file.pragma('quick_check(1)', { simple: true })
    if (fault !== 'ok') throw new Error(`${fault}`)
    const isMigrated = file.prepare("select 1 from sqlite_schema where name = 'kysely_migration'").get() !== undefined
    if (!isMigrated) throw new Error('it is not a database of this service')
  } catch (error) {
    throw new Error(`${original} is unusable: ${error instanceof Error ? error.message : error}.`, { cause: error })
  } finally {
    file.close()
  }
  flush(copy)
}

export function removePartialFile (path: string): void {
  for (const suffix of ['', '-journal']) rmSync(`${path}${suffix}`, { force: true })
}

/** Flushes a file, or the names in a folder, to disk. */
export function flush (path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
