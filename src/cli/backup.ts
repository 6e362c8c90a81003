import { Console } from 'node:console'
import { parseArgs } from 'node:util'
import { readDatabaseUrl } from '../config.ts'
import { backUp } from '../database/sqlite/backup.ts'
import { restore } from '../database/sqlite/restore.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'

const help = `npm run backup -- FILE [--force]     writes a backup of the database to FILE while the service runs
npm run backup -- --restore BACKUP   replaces the database with a backup; stop the service first

  --force   replaces FILE if it exists

The command reads DATABASE_URL like the service. A backup is one SQLite file, which is checked before it gets its name. A restore
keeps the old database beside the new one. For PostgreSQL, use pg_dump and pg_restore.`

class UsageError extends Error {}

if (import.meta.main) process.exitCode = await backup(process.argv.slice(2), process)

/** @returns the exit status */
export async function backup (args: string[], terminal: Terminal): Promise<number> {
  const console = new Console(terminal.stdout, terminal.stderr)
  try {
    console.log(await run(args, terminal))
    return 0
  } catch (error) {
    console.error(printable(error instanceof Error ? error.message : String(error)))
    if (error instanceof UsageError) console.error('\n' + help)
    return error instanceof UsageError ? 2 : 1
  }
}

async function run (args: string[], { env, stderr }: Terminal): Promise<string> {
  const { positionals: [file, ...more], values } = parse(args)
  if (values.help) return help
  if (file === undefined && values.restore !== undefined) return restoreBackup(values.restore, databasePath(env))
  if (file === undefined || values.restore !== undefined || more.length > 0) throw new UsageError('The command takes one file name.')
  const database = databasePath(env)
  const onProgress = (done: number, total: number) => showProgress(stderr, done, total)
  const bytes = await backUp(database, file, { replace: values.force, onProgress })
  return `Backed up ${printable(database)} to ${printable(file)}: ${bytes} bytes, checked.`
}

function restoreBackup (backup: string, database: string): string {
  const oldDatabase = restore(backup, database)
  const result = `Restored ${printable(database)} from ${printable(backup)}.`
  return oldDatabase === undefined ? result : `${result} The old database is ${printable(oldDatabase)}.`
}

function parse (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: 'boolean', default: false }, force: { type: 'boolean', default: false }, restore: { type: 'string' } }
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** The path of the SQLite file in DATABASE_URL. */
function databasePath (env: Terminal['env']): string {
  const url = readDatabaseUrl(env)
  if (!url.startsWith('sqlite:')) throw new Error('DATABASE_URL names a PostgreSQL database; use pg_dump and pg_restore.')
  const path = url.slice('sqlite:'.length)
  if (path === ':memory:') throw new Error('DATABASE_URL names a database in memory, which has no backup.')
  return path
}

function showProgress (stderr: Terminal['stderr'], done: number, total: number): void {
  if (!stderr.isTTY) return
  const share = total === 0 ? 1 : done / total
  stderr.write(`\r\x1b[K[${'#'.repeat(Math.round(30 * share)).padEnd(30, '.')}] ${Math.floor(100 * share)} %${share === 1 ? '\n' : ''}`)
}
