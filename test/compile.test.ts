import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import packageJson from '../package.json' with { type: 'json' }
import { bearer, environment, startPool } from './helper.ts'
import { run, startFlags, startService } from './service-process.ts'

const { start, prepare } = packageJson.scripts

t.test('npm ci compiles with the flags of the start', async t => {
  const [command] = prepare.split(' || ')
  t.equal(command, start.replace('exec ', '').replace('src/server.ts', 'src/compile.ts'))
})

t.test('a first start of the service finds all that it loads compiled, whatever its configuration', async t => {
  const pool = await startPool(t)
  const cache = t.testdir()
  // What is set around it, such as a database that is not there, does not matter.
  const compiling = run(t, 'src/compile.ts', { NODE_COMPILE_CACHE: cache, DATABASE_URL: 'postgres://127.0.0.1:9/none' }, { nodeArgs: startFlags })
  t.equal(await compiling.exited, 0, compiling.output.stderr)
  const compiled = filesIn(cache)
  t.ok(compiled.length > 1000)

  const configurations: Record<string, string>[] = [{}, { METRICS_PORT: '0' }, { OTEL_EXPORTER_OTLP_ENDPOINT: pool.endpoint }]
  for (const configuration of configurations) {
    const service = await startService(t, environment(pool, {
      NODE_ENV: 'production',
      NODE_COMPILE_CACHE: cache,
      DATABASE_URL: `sqlite:${join(cache, 'articles.db')}`,
      COGNITO_ALLOW_HTTP: 'true',
      RATE_LIMIT_MAX: '600',
      ...configuration
    }), { nodeArgs: startFlags, covered: false })
    for (const path of ['/articles', '/openapi.json', '/docs/']) {
      const answer = await fetch(service.url + path, { headers: bearer(pool.idToken()) })
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
