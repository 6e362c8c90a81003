// Every JavaScript block of the package's README runs here. The package test installs the quick start, the
// CommonJS example and the TypeScript blocks into empty services.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import t, { type Test } from 'tap'
import * as named from '../../../plugins/cognito-auth/index.ts'
import { bearer, startPool } from '../../support/app.ts'
import { publicJwk, type UserPool } from '../../support/user-pool.ts'

const readme = readFileSync(new URL('../../../plugins/cognito-auth/README.md', import.meta.url), 'utf8')
const client = '3n4b5urk1ft4fl3mg5e62d9ado'

interface Example {
  app: FastifyInstance
  pool: UserPool
  partners: UserPool
}

/** The expected result of each block, in the order of the README. The first is the quick start. */
const examples: Record<string, (t: Test, example: Example) => Promise<void>> = {
  'the quick start': async (t, { app, pool }) => {
    t.strictSame((await get(app, '/me', idToken(pool))).json(), { name: 'alice' })
    t.equal((await get(app, '/report', idToken(pool))).statusCode, 403)
  },
  'the optional guard and the probe': async (t, { app, pool }) => {
    t.strictSame((await app.inject('/feed')).json(), { hello: 'stranger' })
    t.strictSame((await get(app, '/feed', idToken(pool))).json(), { hello: 'alice' })
    t.equal((await app.inject('/health/ready')).statusCode, 200)
  },
  'pools with different rules': async (t, { app, pool, partners }) => {
    t.equal((await app.verifyToken(idToken(pool))).userPoolId, pool.id)
    await t.rejects(app.verifyToken(idToken(pool, { 'custom:blocked': 'true' })), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'custom_check' })
    t.equal((await app.verifyToken(accessToken(partners, { scope: 'orders/read' }))).userPoolId, partners.id)
    await t.rejects(app.verifyToken(accessToken(partners)), { code: 'FST_COGNITO_INSUFFICIENT_SCOPE' })
  },
  'a token in another header': async (t, { app, pool }) => {
    app.get('/', { onRequest: app.authenticate }, async request => request.user.username)
    t.equal((await app.inject({ url: '/', headers: { 'x-amzn-oidc-accesstoken': accessToken(pool) } })).body, 'alice')
  },
  'two registrations': async (t, { app, pool, partners }) => {
    t.strictSame((await get(app, '/orders', accessToken(partners))).json(), { partner: client })
    t.equal((await get(app, '/orders', accessToken(pool))).statusCode, 401)
  },
  'static keys': async (t, { app }) => {
    t.ok(app.cognito.isReady())
  },
  'an error handler': async (t, { app }) => {
    app.get('/', { onRequest: app.authenticate }, async () => 'done')
    const response = await app.inject('/')
    t.strictSame([response.statusCode, response.json()], [401, { code: 'FST_COGNITO_NO_TOKEN' }])
    t.equal(response.headers['www-authenticate'], 'Bearer realm="api"')
  }
}

const blocks = [...readme.matchAll(/\n```js\n([\s\S]*?)```/g)].map(([, block = '']) => block)

t.test('the README of fastify-cognito-auth has no code block that no test runs', async t => {
  t.equal(blocks.length, Object.keys(examples).length)
  const languages = [...readme.matchAll(/\n```(\w+)\n/g)].map(([, language]) => language)
  t.strictSame([...new Set(languages)].sort(), ['cjs', 'js', 'sh', 'ts'])
})

for (const [index, [name, check]] of Object.entries(examples).entries()) {
  t.test(`the README's example of ${name} works`, async t => {
    const pool = await startPool(t, { id: 'eu-west-1_AbC123xyz', clientId: client })
    const partners = await startPool(t, { id: 'eu-west-1_Partners1', clientId: client })
    const app = Fastify()
    t.teardown(() => app.close())
    await run(app, blocks[index] ?? '', pool, partners)
    await check(t, { app, pool, partners })
  })
}

/** Runs a block with the imports that it names, over keys that are here in place of those on AWS. */
async function run (app: FastifyInstance, block: string, pool: UserPool, partners: UserPool): Promise<void> {
  const keysOf = (id: string) => ({ jwks: { keys: (id === pool.id ? pool : partners).keys.map(publicJwk) } })
  const register: FastifyPluginAsync<named.CognitoAuthOptions> = (fastify, options) => named.cognitoAuth(fastify, {
    ...options,
    ...(options.userPools !== undefined
      ? { userPools: options.userPools.map(each => ({ ...each, ...keysOf(each.userPoolId) })) }
      : options.jwks === undefined && keysOf(String(options.userPoolId)))
  })
  const plugin = Object.assign(register, { [Symbol.for('skip-override')]: true })
  const isWhole = block.includes('Fastify({')
  const source = block
    .replace(/^import Fastify .*\n/m, '')
    .replace(/^import (\w+) from '(.*)'$/gm, (_all, local, module) => `const ${local} = load('${module}').default`)
    .replace(/^import (\{.*\}) from '(.*)'$/gm, (_all, names, module) => `const ${names} = load('${module}')`)
    .replace(/^const app = .*\n/m, '')
    .replace(/^await app\.listen.*\n/m, '')
  const load = (module: string) => module === 'fastify-cognito-auth' ? { ...named, default: plugin } : createRequire(import.meta.url)(module)
  // Blocks that are not whole programs go on from the quick start.
  const needsPlugin = !isWhole && !block.includes('app.register(')
  if (needsPlugin) await app.register(plugin, { userPoolId: pool.id, clientId: pool.clientId })
  const AsyncFunction = Object.getPrototypeOf(run).constructor
  await new AsyncFunction('app', 'load', ...(isWhole ? [] : ['cognitoAuth']), source)(app, load, plugin)
}

function get (app: FastifyInstance, url: string, token: string) {
  return app.inject({ url, headers: bearer(token) })
}

function idToken (pool: UserPool, changes: Record<string, unknown> = {}): string {
  return pool.idToken({ iss: issuer(pool), ...changes })
}

function accessToken (pool: UserPool, changes: Record<string, unknown> = {}): string {
  return pool.accessToken({ iss: issuer(pool), ...changes })
}

function issuer ({ id }: UserPool): string {
  return `https://cognito-idp.eu-west-1.amazonaws.com/${id}`
}
