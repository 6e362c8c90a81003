// Runs all tests on SQLite with coverage, and then the tests of `postgresTests` on PostgreSQL.
// TEST_DATABASE_URL names a server whose user may create databases. Without it, the run starts a PostgreSQL
// of its own.

import { spawn } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from './support/embedded-postgres.ts'

const tapProgram = fileURLToPath(new URL('../node_modules/tap/dist/esm/run.mjs', import.meta.url))

/** The first line of a test that runs on PostgreSQL too, outside of the folders of `postgresTests`. */
const postgresMarker = '// Runs on SQLite and PostgreSQL.\n'

/** The shipped code. Every line needs a test, except those below. */
const shipped = /^(src|plugins|routes|migrations)\//
const untested: Record<string, { lines: number, reason: string }> = {
  'plugins/cognito-auth/keys/key-set.ts': { lines: 3, reason: 'no broken JWK is known for which createPublicKey throws' },
  'src/http/client-error.ts': { lines: 3, reason: 'whether bytes after the last request reach the parser depends on the socket' },
  'src/cli/backup.ts': { lines: 2, reason: 'the progress bar needs a terminal' },
  'src/telemetry/span-filter.ts': { lines: 2, reason: 'the interface of a span processor has methods that are not called' },
  'src/telemetry/trace-propagator.ts': { lines: 2, reason: 'the interface of a propagator has methods that are not called' },
  'src/cli/users-sync.ts': { lines: 5, reason: 'the progress bar needs a terminal' }
}

// A report of an earlier run must not be taken for the report of this one.
rmSync('.tap/report', { recursive: true, force: true })
const files = process.argv.slice(2)
const passedOnSqlite = await runTap('SQLite', {}, ['--coverage-report=text', '--coverage-report=json-summary', ...files])
// The coverage of a part of the tests says nothing.
const isCovered = files.length > 0 || checkCoverage()
const passedOnPostgres = await runOnPostgres(files.length > 0 ? files : postgresTests())
process.exit(passedOnSqlite && isCovered && passedOnPostgres ? 0 : 1)

/** The tests of the routes, of each folder of src/ with SQL, and each test that begins with the marker. */
function postgresTests (): string[] {
  const folders = ['test/routes/', ...globSync('src/*/*queries.ts').map(path => path.replace(/^src(\/\w+\/).*/, 'test$1'))]
  return globSync('test/**/*.test.ts').filter(path =>
    folders.some(folder => path.startsWith(folder)) || readFileSync(path, 'utf8').startsWith(postgresMarker))
}

async function runOnPostgres (files: string[]): Promise<boolean> {
  const url = process.env.TEST_DATABASE_URL
  try {
    const server = url === undefined ? await startPostgres('-c', 'fsync=off') : undefined
    try {
      const TEST_DATABASE_URL = url ?? `${server?.url}/postgres?connect_timeout=30`
      return await runTap('PostgreSQL', { TEST_DATABASE_URL }, ['--disable-coverage', ...files])
    } finally {
      await server?.remove()
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return false
  }
}

/** Whether the tests reached every line of the shipped code, except the untested lines above. */
function checkCoverage (): boolean {
  const report = readFileSync('.tap/report/coverage-summary.json', 'utf8')
  const { total: _, ...files }: Record<string, { lines: { total: number, covered: number } }> = JSON.parse(report)
  const gaps = Object.entries(files)
    .map(([path, { lines }]) => ({ path: relative('.', path), missed: lines.total - lines.covered }))
    .filter(({ path, missed }) => shipped.test(path) && missed > (untested[path]?.lines ?? 0))
  for (const { path, missed } of gaps) console.log(`# ${path}: no test reaches ${missed} lines`)
  const exceptions = Object.values(untested).reduce((sum, { lines }) => sum + lines, 0)
  console.log(`# Lines of the shipped code: ${gaps.length > 0 ? 'not all tested' : `all tested except ${exceptions}`}`)
  return gaps.length === 0
}

/** Whether all tests passed. */
async function runTap (database: string, variables: Record<string, string>, args: string[]): Promise<boolean> {
  console.log(`\n# On ${database}`)
  const { TEST_DATABASE_URL: _, ...env } = process.env
  const tap = spawn(process.execPath, [tapProgram, 'run', ...args], { stdio: 'inherit', env: { ...env, ...variables } })
  return new Promise(resolve => tap.once('exit', code => resolve(code === 0)))
}
