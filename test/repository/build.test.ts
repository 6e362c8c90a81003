import { execFile } from 'node:child_process'
import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { bearer, environment, startPool } from '../support/app.ts'
import { run, startService } from '../support/service-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const execute = promisify(execFile)

t.test('the compiled service starts, migrates, verifies a token and stops with status 0', async t => {
  const pool = await startPool(t)
  const folder = t.testdir({ 'package.json': '{ "type": "module" }' })
  await execute(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', folder], { cwd: root })
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  t.strictSame(files.filter(path => path.endsWith('.ts')), [])

  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const variables = environment(pool, { DATABASE_URL: `sqlite:${folder}/articles.db` })
  const service = await startService(t, variables, { covered: false, folder })
  t.equal((await fetch(`${service.url}/me`)).status, 401)
  const me = await fetch(`${service.url}/me`, { headers: bearer(pool.idToken()) })
  t.match(await me.json(), { username: 'alice' })
  for (const path of ['/openapi.json', '/docs']) t.equal((await fetch(service.url + path)).status, 200, path)

  const command = run(t, 'src/cli/explain-token.ts', variables, { args: [pool.idToken()], covered: false, folder })
  t.equal(await command.exited, 0, command.output.stderr)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
  t.equal(service.output.stderr, '')
})
