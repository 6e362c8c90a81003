// npm test: all tests on SQLite with coverage, then those of the service once more on PostgreSQL: on a server of its own,
// or on the one at TEST_DATABASE_URL, whose user must be able to create databases.

import { spawn } from 'node:child_process'
import { startPostgres } from './embedded-postgres.ts'

const onEither = ['test/routes', 'test/users', 'test/client.test.ts', 'test/hostile-requests.test.ts', 'test/plugins/account.test.ts', 'test/cognito/key-store.test.ts']

let failed = await run('SQLite', {}, [])
const given = process.env.TEST_DATABASE_URL
const server = given === undefined ? await startPostgres('-c', 'fsync=off') : undefined
try {
  failed = await run('PostgreSQL', { TEST_DATABASE_URL: given ?? `${server?.url}/postgres` }, ['--disable-coverage', ...onEither]) || failed
} finally {
  await server?.remove()
}
process.exitCode = failed ? 1 : 0

/** Whether anything failed. */
async function run (database: string, environment: Record<string, string>, args: string[]): Promise<boolean> {
  console.log(`\n# On ${database}`)
  const { TEST_DATABASE_URL: _, ...env } = process.env
  const tap = spawn('tap', ['run', ...args, ...process.argv.slice(2)], { stdio: 'inherit', env: { ...env, ...environment } })
  return await new Promise(resolve => tap.once('exit', code => resolve(code !== 0)))
}
