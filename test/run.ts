// npm test: all tests on SQLite with coverage, then those of the service once more on PostgreSQL: on a server of its own,
// or on the one at TEST_DATABASE_URL, whose user must be able to create databases.

import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from './support/embedded-postgres.ts'

const onEither = ['test/routes', 'test/articles', 'test/idempotency', 'test/deploy/replicas.test.ts', 'test/users', 'test/openapi/client.test.ts', 'test/attacks/hostile-requests.test.ts', 'test/plugins/local-user.test.ts', 'test/plugins/cognito-auth/keys/key-store.test.ts']

const tapProgram = fileURLToPath(new URL('../node_modules/tap/dist/esm/run.mjs', import.meta.url))

// What is shipped, and the lines of it that no test reaches, with the reason.
const shipped = /^(src|plugins|routes|migrations)\//
const unreached: Record<string, { lines: number, reason: string }> = {
  'plugins/cognito-auth/keys/key-set.ts': { lines: 3, reason: 'createPublicKey threw for no broken JWK that was tried; where it does, the other keys must not suffer' },
  'src/http/client-error.ts': { lines: 3, reason: 'bytes after a last request reach the parser, or do not, by the timing of the socket' },
  'src/cli/backup.ts': { lines: 2, reason: 'the progress bar, for a terminal' },
  'src/telemetry/span-filter.ts': { lines: 2, reason: 'what OpenTelemetry may ask of a processor, and does not' },
  'src/telemetry/trace-propagator.ts': { lines: 2, reason: 'what OpenTelemetry may ask of a propagator, and does not' },
  'src/cli/users-sync.ts': { lines: 3, reason: 'the progress bar, for a terminal' }
}

// Or that of an earlier run would be judged where this one makes none.
rmSync('.tap/report', { recursive: true, force: true })
const named = process.argv.slice(2)
let failed = await run('SQLite', {}, ['--coverage-report=text', '--coverage-report=json-summary', ...named])
// A run of named files says nothing about the coverage of the whole.
if (named.length === 0) failed = !isCovered() || failed
failed = !(await runOnPostgres()) || failed
process.exit(failed ? 1 : 0)

/** Whether the tests pass on PostgreSQL. */
async function runOnPostgres (): Promise<boolean> {
  const files = named.length === 0 ? onEither : named
  const given = process.env.TEST_DATABASE_URL
  try {
    const server = given === undefined ? await startPostgres('-c', 'fsync=off') : undefined
    try {
      return !await run('PostgreSQL', { TEST_DATABASE_URL: given ?? `${server?.url}/postgres?connect_timeout=30` }, ['--disable-coverage', ...files])
    } finally {
      await server?.remove()
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return false
  }
}

/** Whether the tests reached every line of what is shipped, save those above. */
function isCovered (): boolean {
  const { total: _, ...files }: Record<string, { lines: { total: number, covered: number } }> = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'))
  const gaps = Object.entries(files).map(([path, { lines }]) => ({ path: relative('.', path), missing: lines.total - lines.covered }))
    .filter(({ path, missing }) => shipped.test(path) && missing > (unreached[path]?.lines ?? 0))
  for (const { path, missing } of gaps) console.log(`# ${path}: ${missing} lines are reached by no test`)
  console.log(`# Lines of what is shipped: ${gaps.length === 0 ? `all reached but ${Object.values(unreached).reduce((sum, { lines }) => sum + lines, 0)}` : 'not all reached'}`)
  return gaps.length === 0
}

/** Whether anything failed. */
async function run (database: string, environment: Record<string, string>, args: string[]): Promise<boolean> {
  console.log(`\n# On ${database}`)
  const { TEST_DATABASE_URL: _, ...env } = process.env
  const tap = spawn(process.execPath, [tapProgram, 'run', ...args], { stdio: 'inherit', env: { ...env, ...environment } })
  return await new Promise(resolve => tap.once('exit', code => resolve(code !== 0)))
}
