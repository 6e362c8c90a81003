import { existsSync, renameSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { checkCopy, flush, removePartialFile } from './backup-file.ts'
import { fileIdentity } from './file-identity.ts'

/** The pages that are copied at once. Signals are handled between two steps. */
const pagesPerStep = 1_000

interface BackupOptions {
  /** Whether an existing file is replaced. */
  replace: boolean
  /** Called with the number of copied pages and of all pages. */
  onProgress: (done: number, total: number) => void
}

/**
 * Copies one consistent state of an SQLite database to a file, while other processes write to it. The copy is
 * checked before it gets its name. After a failure there is no file.
 * @returns the size of the copy in bytes
 */
export async function backUp (database: string, file: string, { replace, onProgress }: BackupOptions): Promise<number> {
  const folder = dirname(resolve(file))
  if (!existsSync(database)) throw new Error(`There is no database ${database}.`)
  if (fileIdentity(database) === fileIdentity(file)) throw new Error(`${file} is the database itself.`)
  if (!replace && existsSync(file)) throw new Error(`${file} exists; --force replaces it.`)
  if (!existsSync(folder)) throw new Error(`There is no folder ${folder}.`)

  const partialFile = `${resolve(file)}.partial-${process.pid}`
  const abort = () => {
    removePartialFile(partialFile)
    process.exit(1)
  }
  process.once('SIGINT', abort).once('SIGTERM', abort)
  const source = new BetterSqlite3(database, { fileMustExist: true })
  try {
    // A read transaction keeps one snapshot. Without it the copy would start again after every commit of
    // another process.
    source.exec('begin; select 1 from sqlite_schema')
    const { totalPages } = await source.backup(partialFile, {
      progress: ({ totalPages, remainingPages }) => {
        onProgress(totalPages - remainingPages, totalPages)
        return pagesPerStep
      }
    })
    onProgress(totalPages, totalPages)
    checkCopy(partialFile, database)
    renameSync(partialFile, file)
    flush(folder)
    return statSync(file).size
  } finally {
    source.close()
    removePartialFile(partialFile)
    process.off('SIGINT', abort).off('SIGTERM', abort)
  }
}
