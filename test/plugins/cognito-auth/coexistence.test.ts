import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import session from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import cognitoAuth, { type CognitoAuth, type CognitoAuthOptions } from '../../../plugins/cognito-auth/index.ts'
import { bearer, startPool } from '../../support/app.ts'
import type { UserPool } from '../../support/user-pool.ts'

// Without its types, which declare `request.account`: this service does too.
const passport = createRequire(import.meta.url)('@fastify/passport')

for (const order of ['before', 'after']) {
  t.test(`cognitoAuth works with @fastify/jwt registered ${order} it`, async t => {
    const { app, pool } = start(t, await startPool(t))
    const others = () => app.register(jwt, { secret: 'a secret of the host, with 32 bytes' })
    if (order === 'before') await others()
    await app.register(cognitoAuth, options(pool, { decoratorName: 'cognitoUser' }))
    if (order === 'after') await others()
    app.get('/cognito', { onRequest: app.authenticate }, async request => app.cognito.findUser(request)?.username)
    app.get('/session', async request => request.jwtVerify())
    await app.ready()

    const session = app.jwt.sign({ cart: 7 })
    t.equal((await app.inject({ url: '/cognito', headers: bearer(pool.idToken()) })).body, 'alice')
    t.match((await app.inject({ url: '/session', headers: bearer(session) })).json(), { cart: 7 })
    t.equal((await app.inject({ url: '/cognito', headers: bearer(session) })).statusCode, 401)
    t.not((await app.inject({ url: '/session', headers: bearer(pool.idToken()) })).statusCode, 200)
  })
}

for (const order of ['before', 'after']) {
  t.test(`cognitoAuth works with @fastify/passport registered ${order} it`, async t => {
    const { app, pool } = start(t, await startPool(t))
    const authenticator = new passport.Authenticator()
    authenticator.use('key', Reflect.construct(KeyStrategy, ['key']))
    const others = async () => {
      await app.register(cookie)
      await app.register(session, { secret: randomBytes(32).toString('hex') })
      await app.register(authenticator.initialize())
    }
    if (order === 'before') await others()
    await app.register(cognitoAuth, options(pool, { decoratorName: 'cognitoUser' }))
    if (order === 'after') await others()
    app.get('/cognito', { onRequest: app.authenticate }, async request => app.cognito.findUser(request)?.username)
    app.get('/key', { preValidation: authenticator.authenticate('key', { session: false }) }, async () => 'by key')

    t.equal((await app.inject({ url: '/cognito', headers: bearer(pool.idToken()) })).body, 'alice')
    t.equal((await app.inject({ url: '/key', headers: { 'x-key': 'good' } })).body, 'by key')
    t.equal((await app.inject({ url: '/key', headers: bearer(pool.idToken()) })).statusCode, 401)
    t.equal((await app.inject({ url: '/cognito', headers: { 'x-key': 'good' } })).statusCode, 401)
  })
}

t.test('cognitoAuth works in two encapsulated scopes with different pools', async t => {
  const [first, second] = [await startPool(t, { id: 'eu-west-1_First0001' }), await startPool(t, { id: 'eu-west-1_Second001' })]
  const { app } = start(t, first)
  for (const pool of [first, second]) {
    app.register(async scope => {
      await scope.register(cognitoAuth, options(pool))
      scope.get('/', { onRequest: scope.authenticate }, async request => request.user.userPoolId)
    }, { prefix: pool === first ? '/first' : '/second' })
  }
  const status = async (url: string, pool: UserPool) => (await app.inject({ url, headers: bearer(pool.idToken()) })).statusCode
  t.strictSame([await status('/first', first), await status('/second', second)], [200, 200])
  t.strictSame([await status('/first', second), await status('/second', first)], [401, 401])
})

t.test('cognitoAuth works twice in one scope with two names', async t => {
  const [people, partners] = [await startPool(t, { id: 'eu-west-1_People001' }), await startPool(t, { id: 'eu-west-1_Partners1' })]
  const { app } = start(t, people)
  await app.register(cognitoAuth, options(people))
  await app.register(cognitoAuth, options(partners, { namespace: 'partners', decoratorName: 'partner', realm: 'partners' }))
  const named = app.getDecorator<CognitoAuth>('partners')
  app.get('/people', { onRequest: app.authenticate }, async request => [request.user.userPoolId, named.findUser(request)])
  app.get('/partners', { onRequest: named.authenticate }, async request => [named.findUser(request)?.userPoolId, app.cognito.findUser(request)])
  const get = (url: string, pool: UserPool) => app.inject({ url, headers: bearer(pool.idToken()) })
  t.strictSame((await get('/people', people)).json(), [people.id, null])
  t.strictSame((await get('/partners', partners)).json(), [partners.id, null])
  const refused = await get('/partners', people)
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], 'Bearer realm="partners"')
  t.equal((await get('/people', partners)).statusCode, 401)
})

const collisions: [what: string, prepare: (app: FastifyInstance) => unknown, options: Partial<CognitoAuthOptions>, message: RegExp][] = [
  ['request.user', app => app.register(jwt, { secret: 'a secret of the host, with 32 bytes' }), {}, /^request\.user is taken by another plugin: give decoratorName another name$/],
  ['fastify.authenticate', app => app.decorate('authenticate', async () => {}), {}, /^fastify\.authenticate is taken by another plugin: give namespace another name$/],
  ['fastify.partners', app => app.decorate('partners', {}), { namespace: 'partners' }, /^fastify\.partners is taken/]
]

for (const [what, prepare, changes, message] of collisions) {
  t.test(`cognitoAuth says at registration that ${what} is taken`, async t => {
    const { app, pool } = start(t, await startPool(t))
    await prepare(app)
    await t.rejects(async () => app.register(cognitoAuth, options(pool, changes)), { code: 'FST_COGNITO_INVALID_OPTION', message })
  })
}

/** A strategy of passport: a key in a header. */
class KeyStrategy extends passport.Strategy {
  authenticate (request: FastifyRequest): void {
    if (request.headers['x-key'] === 'good') this.success({ name: 'key' })
    else this.fail('no key', 401)
  }
}

function options (pool: UserPool, changes: Partial<CognitoAuthOptions> = {}): CognitoAuthOptions {
  return { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint, ...changes }
}

function start (t: Test, pool: UserPool): { app: FastifyInstance, pool: UserPool } {
  const app = Fastify()
  t.teardown(() => app.close())
  return { app, pool }
}
