import { Console } from 'node:console'
import { parseArgs } from 'node:util'
import { readDatabaseUrl } from '../config.ts'
import { backUp, restore } from '../database/sqlite/backup.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'

const help = `npm run backup -- FILE [--force]     writes a backup of the database to FILE, while the service goes on
npm run backup -- --restore BACKUP   puts a backup in the place of the database; stop the service first

  --force   replaces FILE where it is there already

It reads DATABASE_URL as the service does. A backup is one SQLite file, checked before it gets its name. What a restore replaces is kept
beside the database. PostgreSQL brings its own: pg_dump and pg_restore.`

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
  if (file === undefined && values.restore !== undefined) return putBack(values.restore, databaseFile(env))
  if (file === undefined || values.restore !== undefined || more.length > 0) throw new UsageError('The command takes one file.')
  const database = databaseFile(env)
  const bytes = await backUp(database, file, { replace: values.force, onProgress: (done, total) => showProgress(stderr, done, total) })
  return `Backed up ${printable(database)} to ${printable(file)}: ${bytes} bytes, checked.`
}

function putBack (backup: string, database: string): string {
  const aside = restore(backup, database)
  return `Restored ${printable(database)} from ${printable(backup)}.${aside === undefined ? '' : ` What was there is in ${printable(aside)}.`}`
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

/** The path of the file that DATABASE_URL names. */
function databaseFile (env: Terminal['env']): string {
  const url = readDatabaseUrl(env)
  if (!url.startsWith('sqlite:')) throw new Error('DATABASE_URL names a PostgreSQL database: back it up with pg_dump, and restore it with pg_restore.')
  const path = url.slice('sqlite:'.length)
  if (path === ':memory:') throw new Error('DATABASE_URL names a database in memory, of which there is no backup.')
  return path
}

function showProgress (stderr: Terminal['stderr'], done: number, total: number): void {
  if (!stderr.isTTY) return
  const share = total === 0 ? 1 : done / total
  stderr.write(`\r\x1b[K[${'#'.repeat(Math.round(30 * share)).padEnd(30, '.')}] ${Math.floor(100 * share)} %${share === 1 ? '\n' : ''}`)
}
