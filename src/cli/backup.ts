import { parseArgs } from 'node:util'
import { readDatabaseUrl } from '../config.ts'
import { backUp, restore } from '../database/backup.ts'
import { printable } from './table.ts'

const help = `npm run backup -- FILE [--force]     writes a backup of the database to FILE, while the service goes on
npm run backup -- --restore BACKUP   puts a backup in the place of the database; stop the service first

  --force   replaces FILE where it is there already

It reads DATABASE_URL as the service does. A backup is one SQLite file, checked before it gets its name. What a restore replaces is kept
beside the database. PostgreSQL brings its own: pg_dump and pg_restore.`

class UsageError extends Error {}

try {
  await run(process.argv.slice(2))
} catch (error) {
  console.error(printable(error instanceof Error ? error.message : String(error)))
  if (error instanceof UsageError) console.error('\n' + help)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

async function run (args: string[]): Promise<void> {
  const { positionals: [file, ...more], values } = parse(args)
  if (values.help) return console.log(help)
  if (more.length > 0 || (file === undefined) === (values.restore === undefined)) throw new UsageError('The command takes one file.')
  const database = databaseFile()
  if (values.restore !== undefined) {
    const aside = restore(values.restore, database)
    return console.log(`Restored ${printable(database)} from ${printable(values.restore)}.${aside === undefined ? '' : ` What was there is in ${printable(aside)}.`}`)
  }
  if (file !== undefined) {
    const bytes = await backUp(database, file, { replace: values.force, onProgress: showProgress })
    console.log(`Backed up ${printable(database)} to ${printable(file)}: ${bytes} bytes, checked.`)
  }
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
function databaseFile (): string {
  const url = readDatabaseUrl(process.env)
  if (!url.startsWith('sqlite:')) throw new Error('DATABASE_URL names a PostgreSQL database: back it up with pg_dump, and restore it with pg_restore.')
  const path = url.slice('sqlite:'.length)
  if (path === ':memory:') throw new Error('DATABASE_URL names a database in memory, of which there is no backup.')
  return path
}

function showProgress (done: number, total: number): void {
  if (!process.stderr.isTTY) return
  const share = total === 0 ? 1 : done / total
  process.stderr.write(`\r\x1b[K[${'#'.repeat(Math.round(30 * share)).padEnd(30, '.')}] ${Math.floor(100 * share)} %${share === 1 ? '\n' : ''}`)
}
