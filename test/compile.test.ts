import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import packageJson from '../package.json' with { type: 'json' }
import { run, startService } from './service-process.ts'
import { UserPool } from './user-pool.ts'

const { start, prepare } = packageJson.scripts

t.test('npm ci compiles with the flags of the start', async t => {
  const [command] = prepare.split(' || ')
  t.equal(command, start.replace('exec ', '').replace('src/server.ts', 'src/compile.ts'))
})

t.test('a first start of the service finds all that it loads compiled, whatever its configuration', async t => {
  const pool = await UserPool.start()
  t.teardown(() => pool.close())
  const cache = t.testdir()
  const nodeArgs = start.split(' ').filter(word => word.startsWith('--'))
  // What is set around it, such as a database that is not there, does not matter.
  const compiling = run(t, 'src/compile.ts', { NODE_COMPILE_CACHE: cache, DATABASE_URL: 'postgres://127.0.0.1:9/none' }, { nodeArgs })
  t.equal(await compiling.exited, 0, compiling.output.stderr)
  const compiled = filesIn(cache)
  t.ok(compiled.length > 1000)

  const configurations: Record<string, string>[] = [{}, { METRICS_PORT: '0' }, { OTEL_EXPORTER_OTLP_ENDPOINT: pool.endpoint }]
  for (const configuration of configurations) {
    const service = await startService(t, {
      NODE_ENV: 'production',
      NODE_COMPILE_CACHE: cache,
      DATABASE_URL: `sqlite:${join(cache, 'articles.db')}`,
      AWS_USER_POOLS_ID: pool.id,
      AWS_APP_CLIENT_ID: pool.clientId,
      AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
      COGNITO_ALLOW_HTTP: 'true',
      USER_PROVISIONING: 'auto',
      ...configuration
    }, { nodeArgs, covered: false })
    for (const path of ['/articles', '/openapi.json', '/docs/']) {
      const answer = await fetch(service.url + path, { headers: { authorization: `Bearer ${pool.idToken()}` } })
      t.equal(answer.status, 200, path)
      await answer.arrayBuffer()
    }
    service.child.kill('SIGTERM')
    t.equal(await service.exited, 0)
    t.strictSame(filesIn(cache), compiled, Object.keys(configuration).join())
  }
})

/** The files of a compile cache, and when they were written. */
function filesIn (cache: string): string[] {
  return readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .map(path => ({ path, file: statSync(join(cache, path)) }))
    .filter(({ path, file }) => file.isFile() && !path.startsWith('articles.db'))
    .map(({ path, file }) => `${path} ${file.mtimeMs}`)
    .sort()
}
