import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { EnvironmentSchema } from '../../src/environment/schema.ts'
import { startApp } from '../support/app.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Copy { from: string | undefined, sources: string[] }
interface Stage { name: string, lines: string[], copies: Copy[] }

const stages = readStages(read('Dockerfile'))
const service = stageOf('service')
const compose = parse(read('compose.yaml'))
const balancer = read('deploy/compose/haproxy.cfg')

function readStages (dockerfile: string): Stage[] {
  const lines = dockerfile.replace(/^#.*\n/gm, '').replaceAll('\\\n', ' ').split('\n').filter(line => line !== '')
  const stages: Stage[] = []
  for (const line of lines) {
    const [, name] = /^FROM \S+ AS (\S+)$/.exec(line) ?? []
    if (name !== undefined) stages.push({ name, lines: [], copies: [] })
    const stage = stages.at(-1)
    stage?.lines.push(line)
    const [, from, paths] = /^COPY (?:--from=(\S+) )?(.*)$/.exec(line) ?? []
    if (paths !== undefined) stage?.copies.push({ from, sources: paths.split(/\s+/).slice(0, -1) })
  }
  return stages
}

function stageOf (name: string): Stage {
  const stage = stages.find(each => each.name === name)
  if (stage === undefined) throw new Error(`the Dockerfile has no stage ${name}`)
  return stage
}

/** Whether a path is in the build context. The last rule that matches it or a parent folder decides. */
function isSent (path: string): boolean {
  const above = path.split('/').map((_, n, parts) => parts.slice(0, n + 1).join('/'))
  return read('.dockerignore').split('\n').filter(line => line !== '' && !line.startsWith('#')).reduce((sent, rule) => {
    // Unlike in a shell, a star of Docker matches names that begin with a dot.
    const pattern = RegExp(`^${rule.replace(/^!/, '').replaceAll('.', '\\.').replace(/(\*\*\/)|\*/g, (_, folders) => folders ? '(.*/)?' : '[^/]*')}$`)
    return above.some(part => pattern.test(part)) ? rule.startsWith('!') : sent
  }, true)
}

/** The imports of a file without type imports. */
function importsOf (path: string): string[] {
  const { outputText } = ts.transpileModule(read(path), { compilerOptions: { verbatimModuleSyntax: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext } })
  return ts.preProcessFile(outputText).importedFiles.map(({ fileName }) => fileName)
}

t.test('every file that the Dockerfile copies exists and passes .dockerignore', async t => {
  const copied = stages.flatMap(({ copies }) => copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources))
  t.ok(copied.length > 10)
  t.strictSame(copied.filter(path => !existsSync(join(root, path))), [])
  t.strictSame(copied.filter(path => !isSent(path)), [])
  const kept = ['.env', '.git', 'data', 'test', 'deploy', 'node_modules', 'web/node_modules/vite', 'web/dist', 'src/.env', 'src/node_modules/pg']
  t.strictSame(kept.filter(isSent), [], 'secrets, data and what is built stay here')
})

t.test('the image holds every file that the service imports, and production packages only', async t => {
  const { dependencies } = JSON.parse(read('package.json'))
  const { include } = JSON.parse(read('tsconfig.build.json'))
  const copied = stageOf('build').copies.flatMap(({ sources }) => sources)
  t.strictSame(include.filter((folder: string) => !copied.includes(folder)), [], 'the build stage copies all folders that it compiles')
  const files = globSync(include.map((folder: string) => `${folder}/**/*.ts`), { cwd: root })
  t.ok(['src/server.ts', 'plugins/web.ts', 'routes/me/index.ts'].every(path => files.includes(path)))

  const imports = files.flatMap(path => importsOf(path).map(name => ({ path, name })))
  const local = imports.filter(({ name }) => name.startsWith('.')).map(({ path, name }) => posix.join(posix.dirname(path), name))
  t.strictSame(local.filter(path => !files.includes(path)), [])
  const packages = imports.filter(({ name }) => !name.startsWith('.') && !isBuiltin(name))
    .map(({ path, name }) => ({ path, name: /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name }))
  t.ok(packages.some(({ name }) => name === 'fastify'))
  t.strictSame(packages.filter(({ name }) => !(name in dependencies)), [])

  t.ok(service.lines.includes('CMD ["node", "src/server.js"]'))
  const built = service.copies.filter(({ from }) => from === 'build').flatMap(({ sources }) => sources)
  t.strictSame(built, ['/app/dist', '/app/web/dist'])
  t.equal(stages.at(-1)?.name, 'service', 'it is what docker build makes')
})

t.test('the image runs as an unprivileged user with NODE_ENV=production, an exposed port and a health check', async t => {
  const text = service.lines.join('\n')
  const [, variables = ''] = /^ENV (.*)$/m.exec(text) ?? []
  const { NODE_ENV, ...environment } = Object.fromEntries(variables.split(' ').map(pair => pair.split('=')))
  t.equal(NODE_ENV, 'production')
  t.strictSame(Object.keys(environment).filter(name => !(name in EnvironmentSchema.properties)), [])
  t.match(text, /^USER 1000:1000$/m)
  t.match(text, /^STOPSIGNAL SIGTERM$/m)
  t.match(text, new RegExp(`^EXPOSE ${environment.PORT}$`, 'm'))
  const [, path = ''] = /^HEALTHCHECK .*env\.PORT \+ '(.*?)'/m.exec(text) ?? []
  const { app } = await startApp(t)
  t.equal((await app.inject(path)).statusCode, 200)
})

t.test('the variables of compose.yaml are variables of the service with valid values', async t => {
  const { environment, stop_grace_period: grace } = compose.services.articles
  const substituted = Object.fromEntries(Object.entries<string>(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-(\w+)\}/, '$1')]))
  const known = (name: string) => name in EnvironmentSchema.properties || name === 'AWS_EC2_METADATA_DISABLED'
  t.strictSame(Object.keys(substituted).filter(name => !known(name)), [])
  const config = readConfig({ NODE_ENV: 'production', ...substituted })
  t.equal(config.postConfirmationSecret, undefined)

  const { cognito, balancer: front, postgres } = compose.services
  t.strictSame([config.userPoolIds, config.clientIds, config.endpoint], [[cognito.environment.AWS_USER_POOLS_ID], [cognito.environment.AWS_APP_CLIENT_ID], cognito.environment.COGNITO_ENDPOINT])
  t.strictSame(config.trustProxy, [front.networks.edge.ipv4_address])
  t.match(new URL(config.databaseUrl), { username: postgres.environment.POSTGRES_USER, hostname: 'postgres', pathname: `/${postgres.environment.POSTGRES_DB}` })
  t.ok(parseInt(grace) > 10, 'it may finish what is in flight')
})

t.test('every container of compose.yaml has a read-only root, few writable folders and no capabilities', async t => {
  for (const [name, { read_only: readOnly, cap_drop: dropped, security_opt: security }] of Object.entries<Record<string, unknown>>(compose.services)) {
    t.strictSame([readOnly, dropped, security], [true, ['ALL'], ['no-new-privileges:true']], name)
  }
  for (const name of ['articles', 'cognito']) t.ok(stages.some(stage => stage.name === compose.services[name].build.target), name)
})

t.test('the load balancer of compose.yaml uses the port and the readiness check of the service', async t => {
  const { app } = await startApp(t)
  const [, host = '', port] = /server-template \S+ \d+ (\w+):(\d+)/.exec(balancer) ?? []
  t.ok(host in compose.services)
  t.equal(port, EnvironmentSchema.properties.PORT.default)
  const [, path = ''] = /http-check send meth GET uri (\S+)/.exec(balancer) ?? []
  t.equal(path, '/health/ready')
  t.ok(app.hasRoute({ method: 'GET', url: path }))
})
