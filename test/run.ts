// npm test: all tests on SQLite with coverage, then those of the service once more on PostgreSQL: on a server of its own,
// or on the one at TEST_DATABASE_URL, whose user must be able to create databases.

import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { startPostgres } from './embedded-postgres.ts'
import { compileCache } from './service-process.ts'

const onEither = ['test/routes', 'test/articles', 'test/idempotency', 'test/replicas.test.ts', 'test/users', 'test/client.test.ts', 'test/hostile-requests.test.ts', 'test/plugins/account.test.ts', 'test/cognito/key-store.test.ts']

// What is shipped, and the lines of it that no test reaches, with the reason.
const shipped = /^(src|plugins|routes|migrations)\//
const unreached: Record<string, { lines: number, reason: string }> = {
  'src/cognito/key-set.ts': { lines: 3, reason: 'createPublicKey threw for no broken JWK that was tried; where it does, the other keys must not suffer' },
  'src/broken-request.ts': { lines: 3, reason: 'bytes after a last request reach the parser, or do not, by the timing of the socket' },
  'src/cli/backup.ts': { lines: 2, reason: 'the progress bar, for a terminal' },
  'src/tracing/discreet-processor.ts': { lines: 2, reason: 'what OpenTelemetry may ask of a processor, and does not' },
  'src/tracing/propagator.ts': { lines: 2, reason: 'what OpenTelemetry may ask of a propagator, and does not' },
  'src/cli/users.ts': { lines: 3, reason: 'the progress bar, for a terminal' }
}

// Or that of an earlier run would be judged where this one makes none.
rmSync('.tap/report', { recursive: true, force: true })
let failed = await run('SQLite', {}, ['--coverage-report=text', '--coverage-report=json-summary'])
// A run of some files by name says nothing of the whole.
if (process.argv.length === 2) failed = !isCovered() || failed
const given = process.env.TEST_DATABASE_URL
const server = given === undefined ? await startPostgres('-c', 'fsync=off') : undefined
try {
  failed = await run('PostgreSQL', { TEST_DATABASE_URL: given ?? `${server?.url}/postgres?connect_timeout=30`, NODE_COMPILE_CACHE: compileCache }, ['--disable-coverage', ...onEither]) || failed
} finally {
  await server?.remove()
}
// Said outright: what embedded-postgres does at the end of the process would say 0.
process.exit(failed ? 1 : 0)

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
  const tap = spawn('tap', ['run', ...args, ...process.argv.slice(2)], { stdio: 'inherit', env: { ...env, ...environment } })
  return await new Promise(resolve => tap.once('exit', code => resolve(code !== 0)))
}
