// Packs the package and installs it into empty services. The registry is the repository's own node_modules,
// so that neither the network nor a cache decides the outcome.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { bearer, startPool } from '../../support/app.ts'
import { until } from '../../support/service-process.ts'
import type { UserPool } from '../../support/user-pool.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const exec = promisify(execFile)
// Neither tap's instruments nor the settings of the npm that runs the tests are for the processes here.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_ENV$|_TAPJS)/i.test(name)))

/** A folder of its own, outside of the repository, whose node_modules would otherwise be found from it. */
function makeFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-cognito-auth-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Packs a copy of the package, whose `dist` belongs to no other test. */
async function pack (t: Test): Promise<{ tarball: string, files: string[] }> {
  const folder = makeFolder(t)
  for (const name of ['tsconfig.json', 'plugins/cognito-auth']) {
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: path => !path.endsWith('/dist') })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const source = join(folder, 'plugins/cognito-auth')
  const path = `${join(root, 'node_modules/.bin')}${delimiter}${env.PATH}`
  const { stdout } = await exec('npm', ['pack', '--json', '--foreground-scripts=false'], { cwd: source, env: { ...env, PATH: path } })
  const [{ filename, files }] = JSON.parse(stdout)
  return { tarball: join(source, filename), files: files.map(({ path }: { path: string }) => path) }
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

/** A folder in which an empty service has installed packages. */
async function install (t: Test, ...others: string[]): Promise<string> {
  const folder = makeFolder(t)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'service', private: true, type: 'module' }))
  const options = ['--registry', await startRegistry(t), '--cache', join(folder, '.npm'), '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  await exec('npm', ['install', ...options, ...others], { cwd: folder, env })
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
  t.equal(anonymous.headers.get('www-authenticate'), 'Bearer realm="api"')
  t.match(await anonymous.json(), { code: 'FST_COGNITO_NO_TOKEN' })

  const token = pool.idToken({ 'cognito:groups': ['admin'] })
  const forged = await get(bearer(`${token.slice(0, -8)}AAAAAAAA`))
  t.equal(forged.status, 401)
  t.match(forged.headers.get('www-authenticate'), /^Bearer realm="api", error="invalid_token", error_description="/)
  t.match(await forged.json(), { code: 'FST_COGNITO_INVALID_TOKEN' })

  const expired = await get(bearer(pool.idToken({ 'cognito:groups': ['admin'], exp: 1 })))
  t.equal(expired.status, 401)
  t.match(await expired.json(), { code: 'FST_COGNITO_EXPIRED_TOKEN' })

  const outsider = await get(bearer(pool.idToken({ 'cognito:groups': ['readers'] })))
  t.equal(outsider.status, 403)
  t.match(await outsider.json(), { code: 'FST_COGNITO_MISSING_GROUP' })

  const member = await get(bearer(token))
  t.equal(member.status, 200)
  t.match(await member.json(), { for: 'alice@example.com' })

  const narrow = await post(bearer(pool.accessToken({ scope: 'articles/read' })))
  t.equal(narrow.status, 403)
  t.equal(narrow.headers.get('www-authenticate'), 'Bearer realm="api", error="insufficient_scope", scope="articles/write"')
  const writer = await post(bearer(pool.accessToken({ scope: 'articles/read articles/write' })))
  t.equal(writer.status, 200)
  t.match(await writer.json(), { by: 'c4a5d0d2-0001-4000-8000-000000000001' })
}

const packed = pack(t)
// npm install takes most of the time: all services share one.
const installed = packed.then(({ tarball }) => install(t, tarball, 'fastify', '@types/node'))

/** The blocks of the README in a language, made to run over a pool. */
function readmeBlocks (language: string, pool?: UserPool): string[] {
  const readme = readFileSync(join(root, 'plugins/cognito-auth/README.md'), 'utf8')
  return [...readme.matchAll(new RegExp(`\\n\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block = '']) => pool === undefined
    ? block
    : block
      .replace(/userPoolId: 'eu-west-1_AbC123xyz', clientId: '\w+'/, `userPoolId: '${pool.id}', clientId: '${pool.clientId}', endpoint: '${pool.endpoint}'`)
      .replace(/port: \d+/, 'port: 0'))
}

t.test('the package holds the compiled plugin, its types, README and licence, and nothing else', async t => {
  const { files } = await packed
  for (const name of ['dist/index.js', 'dist/index.d.ts', 'dist/plugin.js', 'dist/plugin.d.ts', 'README.md', 'LICENSE']) t.ok(files.includes(name), name)
  t.strictSame(files.filter(path => !/^(dist\/[\w/-]+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path)), [])
})

t.test('the package brings at most 30 packages and 10 MB beside those of Fastify', async t => {
  const list = async (folder: string) => new Map(readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .filter(path => /(^|node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path))
    .map(path => [dirname(path), sizeOf(join(folder, 'node_modules', dirname(path)))]))
  const bare = await list(await install(t, 'fastify', '@types/node'))
  const brought = [...await list(await installed)].filter(([path]) => !bare.has(path))
  const bytes = brought.reduce((sum, [, size]) => sum + size, 0)
  t.comment(`${brought.length} packages, ${(bytes / 2 ** 20).toFixed(1)} MB: ${brought.map(([path]) => path).join(' ')}`)
  t.ok(brought.some(([path]) => path === 'fastify-cognito-auth'))
  t.ok(brought.length <= 30, `${brought.length} packages`)
  t.ok(bytes < 10 * 2 ** 20, `${bytes} bytes`)
})

/** The bytes of a package's own files. */
function sizeOf (folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules') return sum
    return sum + (entry.isDirectory() ? sizeOf(path) : statSync(path).size)
  }, 0)
}

t.test('the quick start of the README guards an empty JavaScript service', async t => {
  const pool = await startPool(t)
  const [quickStart = ''] = readmeBlocks('js', pool)
  const folder = await makeService(t, { 'service.js': quickStart })
  await guards(t, await start(t, folder, 'service.js'), pool)
})

t.test('the CommonJS example of the README guards an empty CommonJS service', async t => {
  const pool = await startPool(t)
  const [example = ''] = readmeBlocks('cjs', pool)
  const folder = await makeService(t, { 'service.cjs': example })
  const url = await start(t, folder, 'service.cjs')
  t.equal((await fetch(`${url}/me`)).status, 401)
  t.strictSame(await (await fetch(`${url}/me`, { headers: bearer(pool.idToken()) })).json(), { name: 'alice' })
})

for (const moduleResolution of ['nodenext', 'bundler']) {
  t.test(`the types work in TypeScript services with moduleResolution ${moduleResolution}`, async t => {
    const service = `
      import Fastify from 'fastify'
      import cognitoAuth, { isCognitoAuthError, type CognitoAuthOptions, type VerifiedUser } from 'fastify-cognito-auth'

      const options: CognitoAuthOptions = { userPoolId: 'eu-west-1_A', clientId: null }
      const app = Fastify()
      await app.register(cognitoAuth, options)
      app.get('/report', { preHandler: app.requireGroup('admin', 'auditors') }, async request => {
        const user: VerifiedUser = request.user
        const email: string | null = user.email
        const groups: readonly string[] = request.user.groups
        return { for: email, groups, phone: user.claims.phone_number }
      })
      const ready: boolean = app.cognito.isReady()
      const reason = (error: unknown) => isCognitoAuthError(error) ? error.reason : ready
      reason(await app.verifyToken('').catch(error => error))
    `
    const mistakes = `
      import Fastify from 'fastify'
      import cognitoAuth from 'fastify-cognito-auth'

      const app = Fastify()
      await app.register(cognitoAuth, { userPoolIds: ['a'] })
      app.get('/', { preHandler: app.requireGroup('admin') }, async request => request.user.nickname)
      app.get('/b', { preHandler: app.requireGroup(5) }, async request => request.user.email.length)
      app.get('/c', async request => { request.user.groups.push('admin') })
      app.get('/d', { preHandler: app.requireScope() }, async request => { request.user.claims.sub = 'another' })
    `
    const [claims = '', plugin = ''] = readmeBlocks('ts')
    const module = moduleResolution === 'bundler' ? 'esnext' : 'nodenext'
    const tsconfig = JSON.stringify({ compilerOptions: { strict: true, target: 'es2022', module, moduleResolution, types: ['node'], noEmit: true } })
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const folder = await makeService(t, { 'service.ts': service, 'claims.ts': claims, 'plugin.ts': plugin, 'mistakes.ts': mistakes, 'tsconfig.json': tsconfig })
    const { stdout } = await exec(process.execPath, [tsc], { cwd: folder, env }).catch(error => error)
    const errors: string[] = stdout.split('\n').filter((line: string) => line.includes('error TS'))
    t.strictSame(errors.filter(error => !error.startsWith('mistakes.ts')), [])
    const lines = errors.filter(error => error.startsWith('mistakes.ts')).map(error => Number(/\d+/.exec(error)?.[0]))
    t.strictSame(lines, [6, 7, 8, 8, 9, 10, 10])
  })
}
