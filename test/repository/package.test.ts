// What npm publishes, installed where nothing else of the repository is. The registry is the repository's own
// node_modules, so that neither the network nor a cache decides how this ends.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { bearer, startPool } from '../support/app.ts'
import { until } from '../support/service-process.ts'
import type { UserPool } from '../support/user-pool.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const exec = promisify(execFile)
// Neither tap's instruments nor the settings of the npm that runs the tests are for the processes here.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_ENV$|_TAPJS)/i.test(name)))

/** A folder of its own, outside of the repository, whose node_modules would otherwise be found from it. */
function makeFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'cognito-articles-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Packs a copy of the repository, whose `dist` belongs to nobody else. */
async function pack (t: Test): Promise<{ tarball: string, files: string[] }> {
  const folder = makeFolder(t)
  for (const name of ['package.json', 'README.md', 'LICENSE', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.package.json', 'plugins', 'src']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  await exec(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.package.json'], { cwd: folder, env })
  const { stdout } = await exec('npm', ['pack', '--json', '--foreground-scripts=false'], { cwd: folder, env })
  const [{ filename, files }] = JSON.parse(stdout)
  return { tarball: join(folder, filename), files: files.map(({ path }: { path: string }) => path) }
}

/** A registry of the packages that are installed in the repository; the address to reach it at. */
async function startRegistry (t: Test): Promise<string> {
  const installed = Object.keys(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? '').slice(1)
    if (asked.endsWith('.tgz')) {
      const path = join(root, asked.slice(0, -'.tgz'.length))
      spawn('tar', ['-cf', '-', '--exclude', `${basename(path)}/node_modules`, '-C', dirname(path), basename(path)]).stdout.pipe(response)
      return
    }
    const versions = Object.fromEntries(installed.filter(path => nameOf(path) === asked && existsSync(join(root, path, 'package.json'))).map(path => {
      const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
      return [manifest.version, { ...manifest, dist: { tarball: `http://${request.headers.host}/${path}.tgz` } }]
    }))
    response.writeHead(Object.keys(versions).length === 0 ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ name: asked, 'dist-tags': { latest: Object.keys(versions).at(-1) }, versions }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
}

/** A folder in which an empty service has installed the package. */
async function install (t: Test): Promise<string> {
  const folder = makeFolder(t)
  const { tarball } = await packed
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'service', private: true, type: 'module' }))
  const options = ['--registry', await startRegistry(t), '--cache', join(folder, '.npm'), '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', '--loglevel', 'error']
  await exec('npm', ['install', ...options, tarball, 'fastify', '@types/node'], { cwd: folder, env })
  return folder
}

/** An empty service of these files, with what was installed. */
async function makeService (t: Test, files: Record<string, string>): Promise<string> {
  const folder = makeFolder(t)
  for (const name of ['package.json', 'node_modules']) symlinkSync(join(await installed, name), join(folder, name))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** The service in a file, running; its address. */
async function start (t: Test, folder: string, file: string): Promise<string> {
  const child = spawn(process.execPath, [file], { cwd: folder, env })
  const exited = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let output = ''
  child.stdout.on('data', chunk => { output += chunk })
  child.stderr.on('data', chunk => { output += chunk })
  const address = () => /listening at (http:[^"\s]+)/.exec(output)?.[1]
  await until(() => address() !== undefined || child.exitCode !== null)
  const url = address()
  if (url === undefined) throw new Error(`the service did not start: ${output}`)
  return url
}

/** That real tokens are refused and let in where `GET /report` needs a group and `POST /articles` a scope. */
async function guards (t: Test, url: string, pool: UserPool): Promise<void> {
  const get = async (headers: Record<string, string> = {}) => fetch(`${url}/report`, { headers })
  const post = async (headers: Record<string, string>) => fetch(`${url}/articles`, { method: 'POST', headers })

  const anonymous = await get()
  t.equal(anonymous.status, 401)
  t.equal(anonymous.headers.get('www-authenticate'), 'Bearer realm="articles"')
  t.match(await anonymous.json(), { code: 'no_auth_token' })

  const token = pool.idToken({ 'cognito:groups': ['admin'] })
  const forged = await get(bearer(`${token.slice(0, -8)}AAAAAAAA`))
  t.equal(forged.status, 401)
  t.match(forged.headers.get('www-authenticate'), /^Bearer realm="articles", error="invalid_token", error_description="/)
  t.match(await forged.json(), { code: 'invalid_auth_token' })

  const expired = await get(bearer(pool.idToken({ 'cognito:groups': ['admin'], exp: 1 })))
  t.equal(expired.status, 401)
  t.match(await expired.json(), { code: 'expired_auth_token' })

  const outsider = await get(bearer(pool.idToken({ 'cognito:groups': ['readers'] })))
  t.equal(outsider.status, 403)
  t.match(await outsider.json(), { code: 'forbidden' })

  const member = await get(bearer(token))
  t.equal(member.status, 200)
  t.match(await member.json(), { for: 'alice@example.com' })

  const narrow = await post(bearer(pool.accessToken({ scope: 'articles/read' })))
  t.equal(narrow.status, 403)
  t.equal(narrow.headers.get('www-authenticate'), 'Bearer realm="articles", error="insufficient_scope", scope="articles/write"')
  const writer = await post(bearer(pool.accessToken({ scope: 'articles/read articles/write' })))
  t.equal(writer.status, 200)
  t.match(await writer.json(), { by: 'alice' })
}

const packed = pack(t)
// An npm install is most of what this costs: one for both services.
const installed = install(t)

t.test('the package holds the compiled plugin and its types, and nothing of the service', async t => {
  const { files } = await packed
  t.ok(files.includes('dist/package/plugins/cognito-auth.js'))
  t.ok(files.includes('dist/package/plugins/cognito-auth.d.ts'))
  t.strictSame(files.filter(path => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path)), [])
  t.strictSame(files.filter(path => /server|database|routes|test|cli/.test(path)), [])
})

t.test('the example of the README guards an empty JavaScript service', async t => {
  const pool = await startPool(t)
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, example = ''] = /```js\n(import Fastify[\s\S]*?)```/.exec(readme) ?? []
  const service = example
    .replace(/userPoolIds: .*/, `userPoolIds: ['${pool.id}'],`)
    .replace(/clientIds: .*/, `clientIds: ['${pool.clientId}'], endpoint: '${pool.endpoint}'`)
    .replace(/port: \d+/, 'port: 0')
  const folder = await makeService(t, { 'service.js': service })
  await guards(t, await start(t, folder, 'service.js'), pool)
})

t.test('the plugin guards an empty TypeScript service, and types request.user there', async t => {
  const pool = await startPool(t)
  const service = `
    import Fastify from 'fastify'
    import cognitoAuth, { type CognitoAuthOptions, type VerifiedUser } from 'cognito-articles'

    const options: CognitoAuthOptions = { userPoolIds: ['${pool.id}'], clientIds: ['${pool.clientId}'], endpoint: '${pool.endpoint}' }
    const app = Fastify({ logger: true })
    await app.register(cognitoAuth, options)

    app.get('/report', { preHandler: app.requireGroup('admin') }, async request => {
      const user: VerifiedUser = request.user
      const email: string | null = user.email
      const groups: readonly string[] = request.user.groups
      return { for: email, groups }
    })
    app.post('/articles', { preHandler: app.requireScope('articles/write') }, async request => ({ by: request.user.username }))
    await app.listen({ port: 0 })
  `
  const mistakes = `
    import Fastify from 'fastify'
    import cognitoAuth from 'cognito-articles'

    const app = Fastify()
    await app.register(cognitoAuth, { userPoolIds: ['a'] })
    app.get('/', { preHandler: app.requireGroup('admin') }, async request => request.user.nickname)
    app.get('/b', { preHandler: app.requireGroup(5) }, async request => request.user.email.length)
    app.get('/c', async request => { request.user.groups.push('admin') })
  `
  const tsconfig = JSON.stringify({ compilerOptions: { strict: true, target: 'es2022', module: 'nodenext', types: ['node'], noEmit: true } })
  const folder = await makeService(t, { 'service.ts': service, 'mistakes.ts': mistakes, 'tsconfig.json': tsconfig })

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await exec(process.execPath, [tsc], { cwd: folder, env }).catch(error => error)
  const errors = stdout.split('\n').filter((line: string) => line.includes('error TS'))
  t.match(errors, [
    /^mistakes\.ts\(6,/,
    /^mistakes\.ts\(7,.*nickname/,
    /^mistakes\.ts\(8,.*number/,
    /^mistakes\.ts\(8,.*null/,
    /^mistakes\.ts\(9,.*push/
  ])
  t.equal(errors.length, 5, stdout)
  await guards(t, await start(t, folder, 'service.ts'), pool)
})
