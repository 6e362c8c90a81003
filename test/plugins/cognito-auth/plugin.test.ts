import { createPrivateKey } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import Fastify, { LogController, type FastifyInstance, type FastifyRequest } from 'fastify'
import privateHalf from 'cognito-local/lib/keys/cognitoLocal.private.json' with { type: 'json' }
import publicHalf from 'cognito-local/lib/keys/cognitoLocal.public.json' with { type: 'json' }
import t, { type Test } from 'tap'
import cognitoAuth, { type CognitoAuthOptions, type VerifiedUser } from '../../../plugins/cognito-auth/index.ts'
import { bearer, startPool } from '../../support/app.ts'
import { makeKey, sign, until, type UserPool } from '../../support/user-pool.ts'

t.test('cognitoAuth decorates requests with the verified user', async t => {
  const { app, pool } = await startService(t)
  const response = await app.inject({ url: '/user', headers: bearer(pool.idToken({ 'cognito:groups': ['authors'], exp: 4_102_444_800, origin_jti: 'session', auth_time: 1 })) })
  t.equal(response.statusCode, 200)
  const { claims, ...user } = response.json()
  t.match(claims, { sub: user.subject, 'cognito:groups': ['authors'], exp: 4_102_444_800 })
  t.strictSame(user, {
    key: `${pool.issuer} ${user.subject}`,
    issuer: pool.issuer,
    userPoolId: pool.id,
    subject: 'c4a5d0d2-0001-4000-8000-000000000001',
    username: 'alice',
    clientId: 'client1',
    email: 'alice@example.com',
    emailVerified: true,
    groups: ['authors'],
    scopes: [],
    tokenUse: 'id',
    authTime: 1,
    originJti: 'session',
    expiresAt: 4_102_444_800
  })
})

t.test("cognitoAuth answers through Fastify's own error handler", async t => {
  const { app, pool } = await startService(t)
  const none = await app.inject('/user')
  t.match(none.json(), { statusCode: 401, code: 'FST_COGNITO_NO_TOKEN' })
  t.equal(none.statusCode, 401)
  t.equal(none.headers['www-authenticate'], 'Bearer realm="api"')

  const forged = await app.inject({ url: '/user', headers: bearer(pool.idToken({ aud: 'client2' })) })
  t.match(forged.json(), { statusCode: 401, code: 'FST_COGNITO_INVALID_TOKEN', message: 'The token was issued to another app client.' })
  t.equal(forged.statusCode, 401)
  t.equal(forged.headers['www-authenticate'], 'Bearer realm="api", error="invalid_token", error_description="The token was issued to another app client"')
})

t.test('cognitoAuth challenges also where a route has an error handler that knows nothing of it', async t => {
  const { app } = await startService(t)
  const response = await app.inject('/handled')
  t.equal(response.body, 'no')
  t.equal(response.headers['www-authenticate'], 'Bearer realm="api"')
})

t.test('cognitoAuth answers whose token is known before all of a flood of forged ones', async t => {
  const { app, pool } = await startService(t)
  const known = { url: '/user', headers: bearer(pool.idToken()) }
  await app.inject(known)
  const forged = { url: '/user', headers: bearer(pool.idToken({}, makeKey(pool.key.kid))) }
  const isBefore = async () => {
    let refused = 0
    const flood = Promise.all(Array.from({ length: 100 }, () => app.inject(forged).then(({ statusCode }) => { if (statusCode === 401) refused++ })))
    const { waiting } = app.cognito.tokenStatistics().queue
    t.equal((await app.inject(known)).statusCode, 200)
    const before = refused
    await flood
    t.equal(refused, 100)
    t.equal(app.cognito.tokenStatistics().queue.waiting, 0)
    return waiting < 100 && before < 50
  }
  // A machine that stands still makes up for it.
  for (let attempt = 1; !(await isBefore()); attempt++) if (attempt === 20) return t.fail('it waits for all of them')
})

t.test('cognitoAuth verifies a token once for all who come with it while they wait', async t => {
  const { app, pool, users } = await startService(t)
  const forged = pool.idToken({}, makeKey(pool.key.kid))
  const good = pool.idToken()
  const tokens = [...Array.from({ length: 30 }, () => forged), good, good, good]
  await app.inject({ url: '/user', headers: bearer(pool.idToken()) })
  users.length = 0
  await Promise.all(tokens.map(token => app.inject({ url: '/user', headers: bearer(token) })))
  t.equal(users.length, 3)
  t.equal(new Set(users).size, 1)
})

t.test('cognitoAuth answers 503 with Retry-After through it while there are no keys', async t => {
  const pool = await startPool(t)
  await pool.down()
  const { app } = await startService(t, {}, pool)
  const response = await app.inject({ url: '/user', headers: bearer(pool.idToken()) })
  t.equal(response.statusCode, 503)
  t.match(response.json(), { statusCode: 503, code: 'FST_COGNITO_KEYS_UNAVAILABLE' })
  t.equal(response.headers['retry-after'], '1')
  t.equal(response.headers['www-authenticate'], undefined)
})

t.test('cognitoAuth challenges for the realm that it was told', async t => {
  const { app, pool } = await startService(t, { realm: 'orders' })
  t.equal((await app.inject('/user')).headers['www-authenticate'], 'Bearer realm="orders"')
  const forged = await app.inject({ url: '/user', headers: bearer(pool.idToken({ sub: '' })) })
  t.equal(forged.headers['www-authenticate'], 'Bearer realm="orders", error="invalid_token", error_description="The token does not name its subject"')
  t.match((await app.inject({ url: '/write', headers: bearer(pool.accessToken()) })).headers['www-authenticate'], 'Bearer realm="orders", ')
})

t.test('cognitoAuth takes the kinds of token that it was told', async t => {
  for (const [use, other] of [['id', 'access'], ['access', 'id']] as const) {
    const { app, pool } = await startService(t, { tokenUse: [use] })
    const tokens = { id: pool.idToken(), access: pool.accessToken() }
    t.equal((await app.inject({ url: '/user', headers: bearer(tokens[use]) })).json().tokenUse, use)
    const response = await app.inject({ url: '/user', headers: bearer(tokens[other]) })
    t.equal(response.statusCode, 401)
    t.match(response.json(), { code: 'FST_COGNITO_INVALID_TOKEN', message: `An ${other} token is not accepted here, ${use} is.` })
  }
})

t.test('cognitoAuth takes tokens of every client that it was told', async t => {
  const { app, pool } = await startService(t, { clientId: ['client1', 'client2'] })
  for (const aud of ['client1', 'client2']) t.equal((await app.inject({ url: '/user', headers: bearer(pool.idToken({ aud })) })).statusCode, 200)
  const response = await app.inject({ url: '/user', headers: bearer(pool.idToken({ aud: 'client3' })) })
  t.strictSame([response.statusCode, response.json().code], [401, 'FST_COGNITO_INVALID_TOKEN'])
})

t.test('cognitoAuth takes both issuers of a pool on AWS, for one', async t => {
  const { app, pool } = await startServiceOfAws(t)
  const original = `https://cognito-idp.eu-west-1.amazonaws.com/${pool.id}`
  for (const iss of [original, `https://issuer-cognito-idp.eu-west-1.amazonaws.com/${pool.id}`]) {
    const response = await app.inject({ url: '/user', headers: bearer(pool.idToken({ iss })) })
    t.equal(response.statusCode, 200)
    t.equal(response.json().issuer, original)
  }
  const response = await app.inject({ url: '/user', headers: bearer(pool.idToken()) })
  t.strictSame([response.statusCode, response.json().code], [401, 'FST_COGNITO_INVALID_TOKEN'])
})

t.test('requireGroup lets members in, and nobody else', async t => {
  const { app, pool } = await startService(t)
  t.equal((await app.inject({ url: '/admin', headers: bearer(pool.idToken({ 'cognito:groups': ['authors', 'admin'] })) })).statusCode, 200)
  t.equal((await app.inject({ url: '/admin', headers: bearer(pool.accessToken({ 'cognito:groups': ['admin'] })) })).statusCode, 200)
  for (const groups of [undefined, [], ['Admin'], ['admins'], ['admin,authors'], 'admin', { admin: true }]) {
    const response = await app.inject({ url: '/admin', headers: bearer(pool.idToken({ 'cognito:groups': groups })) })
    t.equal(response.statusCode, 403)
    t.match(response.json(), { code: 'FST_COGNITO_MISSING_GROUP', message: 'This needs membership of the group admin.' })
    t.equal(response.headers['www-authenticate'], undefined)
  }
  const none = await app.inject('/admin')
  t.strictSame([none.statusCode, none.json().code], [401, 'FST_COGNITO_NO_TOKEN'])
})

t.test('requireScope lets access tokens with the scope in, and nothing else', async t => {
  const { app, pool } = await startService(t)
  t.equal((await app.inject({ url: '/write', headers: bearer(pool.accessToken({ scope: 'openid articles/write' })) })).statusCode, 200)
  for (const token of [
    pool.accessToken(),
    pool.accessToken({ scope: undefined }),
    pool.accessToken({ scope: 'articles/writer' }),
    pool.accessToken({ scope: ['articles/write'] }),
    pool.idToken({ scope: 'articles/write' })
  ]) {
    const response = await app.inject({ url: '/write', headers: bearer(token) })
    t.equal(response.statusCode, 403)
    t.match(response.json(), { code: 'FST_COGNITO_INSUFFICIENT_SCOPE', message: 'This needs an access token with the scope articles/write.' })
    t.equal(response.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope", scope="articles/write"')
  }
  const none = await app.inject('/write')
  t.strictSame([none.statusCode, none.json().code], [401, 'FST_COGNITO_NO_TOKEN'])
})

t.test('request.user throws where no guard has run', async t => {
  const { app, pool } = await startService(t)
  const response = await app.inject({ url: '/unguarded', headers: bearer(pool.idToken()) })
  t.equal(response.statusCode, 500)
  t.equal(response.json().message, 'request.user was read where no guard has verified a user')
})

t.test('guards verify a token once a request, even if it expires between them', async t => {
  const { app, pool } = await startService(t)
  const exp = Date.now() / 1000 + 2
  const token = pool.accessToken({ exp, 'cognito:groups': ['admin'], scope: 'articles/write' })
  const response = await app.inject({ url: '/guarded-thrice', headers: bearer(token) })
  t.equal(response.statusCode, 200)
  t.ok(Date.now() / 1000 > exp)
  t.equal((await app.inject({ url: '/guarded-thrice', headers: bearer(token) })).json().code, 'FST_COGNITO_EXPIRED_TOKEN')
})

t.test('cognitoAuth gives two requests with one token the same frozen user', async t => {
  const { app, pool, users } = await startService(t)
  const token = pool.idToken({ 'cognito:groups': ['authors'] })
  for (let times = 0; times < 2; times++) t.equal((await app.inject({ url: '/user', headers: bearer(token) })).statusCode, 200)
  const [user] = users
  t.equal(users.length, 2)
  t.equal(user, users[1])
  t.ok(Object.isFrozen(user) && Object.isFrozen(user?.groups))
  t.throws(() => Object.assign(user ?? {}, { subject: 'another' }), TypeError)
})

t.test('cognitoAuth tells where no guard has run whether it remembers the token', async t => {
  const { app, pool } = await startService(t)
  const [good, other, forged] = [pool.idToken(), pool.idToken(), pool.idToken({ sub: '' })]
  const known = async (headers: Record<string, string>) => (await app.inject({ url: '/known', headers })).json()
  t.strictSame(await known(bearer(good)), { token: 'new', authenticated: false })
  for (const token of [good, forged]) await app.inject({ url: '/user', headers: bearer(token) })
  t.strictSame(await known(bearer(good)), { token: 'known', authenticated: false })
  t.strictSame(await known({ authorization: good }), { token: 'known', authenticated: false })
  for (const token of [other, forged, `${good}A`]) t.strictSame(await known(bearer(token)), { token: 'new', authenticated: false })
  t.strictSame(await known({}), { token: 'none', authenticated: false })
  for (const authorization of ['', `Basic ${good}`]) t.strictSame(await known({ authorization }), { token: 'none', authenticated: false })
})

t.test('cognitoAuth forgets no verified token for a flood of forged ones', async t => {
  const { app, pool, users } = await startService(t, { tokenCacheSize: 4 })
  const token = pool.idToken()
  await app.inject({ url: '/user', headers: bearer(token) })
  for (let index = 0; index < 100; index++) {
    const response = await app.inject({ url: '/user', headers: bearer(index % 2 ? `${token.slice(0, -10 - index)}AAAA` : pool.idToken({ sub: '', jti: index })) })
    t.equal(response.json().code, 'FST_COGNITO_INVALID_TOKEN')
  }
  await app.inject({ url: '/user', headers: bearer(token) })
  t.equal(users.length, 2)
  t.equal(users[0], users[1], 'the user is still remembered')
})

t.test('cognitoAuth remembers no more tokens than it was told', async t => {
  const { app, pool, users } = await startService(t, { tokenCacheSize: 4 })
  const token = pool.idToken()
  await app.inject({ url: '/user', headers: bearer(token) })
  for (let index = 0; index < 10; index++) await app.inject({ url: '/user', headers: bearer(pool.idToken()) })
  await app.inject({ url: '/user', headers: bearer(token) })
  t.equal(users.length, 12)
  t.not(users[0], users[11], 'verified again')
})

t.test('cognitoAuth refuses a remembered token once it has expired, also one without iat', async t => {
  const { app, pool } = await startService(t)
  const token = pool.idToken({ exp: Date.now() / 1000 + 2, iat: undefined })
  t.equal((await app.inject({ url: '/user', headers: bearer(token) })).statusCode, 200)
  await setTimeout(2_010)
  const response = await app.inject({ url: '/user', headers: bearer(token) })
  t.equal(response.statusCode, 401)
  t.equal(response.json().code, 'FST_COGNITO_EXPIRED_TOKEN')
})

t.test("cognitoAuth refuses what cognito-local's published key signed, unless it is told to take it", async t => {
  const publishedKey = createPrivateKey({ key: privateHalf.jwk, format: 'jwk' })
  for (const allowed of [true, false]) {
    const pool = await startPool(t)
    pool.answer = (_request, response) => { response.end(JSON.stringify({ keys: [publicHalf.jwk] })) }
    const { app } = await startService(t, { allowDevelopmentKeys: allowed }, pool)
    const response = await app.inject({ url: '/user', headers: bearer(sign(publishedKey, { alg: 'RS256', kid: publicHalf.jwk.kid }, pool.idClaims())) })
    t.equal(response.statusCode, allowed ? 200 : 503)
    t.equal(response.json().code, allowed ? undefined : 'FST_COGNITO_KEYS_UNAVAILABLE')
  }
})

t.test('cognitoAuth takes published keys outside production only, unless it is told', async t => {
  const held = process.env.NODE_ENV
  t.teardown(() => {
    if (held === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = held
  })
  for (const environment of ['', 'development', 'production']) {
    process.env.NODE_ENV = environment
    const pool = await startPool(t)
    pool.answer = (_request, response) => { response.end(JSON.stringify({ keys: [publicHalf.jwk] })) }
    const { app } = await startService(t, {}, pool)
    await app.inject({ url: '/user', headers: bearer(pool.idToken()) })
    t.equal(app.cognito.isReady(), environment !== 'production', environment)
  }
})

t.test('cognitoAuth tells the log of its keys', async t => {
  const { app, pool, log } = await startService(t, { jwksCacheTtlSeconds: 1 })
  await until(() => log.some(line => line.includes('signing keys fetched')))
  pool.answer = (_request, response) => { response.writeHead(500).end('{}') }
  await until(() => log.some(line => line.includes('signing keys could not be fetched')))
  t.match(log.map(line => JSON.parse(line)), [
    { level: 20, msg: 'signing keys fetched', issuer: pool.issuer, kids: [pool.key.kid] },
    { level: 40, msg: 'signing keys could not be fetched', issuer: pool.issuer, keysInHand: true, err: { message: /./ } }
  ])
  t.equal((await app.inject({ url: '/user', headers: bearer(pool.idToken()) })).statusCode, 200)
})

t.test('cognitoAuth stops with its server', async t => {
  const { app, pool } = await startService(t, { jwksCacheTtlSeconds: 1 })
  await until(() => pool.fetches.length === 1)
  await app.close()
  await setTimeout(1_100)
  t.equal(pool.fetches.length, 1)
})

interface Service {
  app: FastifyInstance
  pool: UserPool
  /** The user of each request, in their order. */
  users: VerifiedUser[]
  log: string[]
}

/** The plugin in a server without anything else. */
async function startService (t: Test, options: Partial<CognitoAuthOptions> = {}, ownPool?: UserPool): Promise<Service> {
  const pool = ownPool ?? await startPool(t)
  const users: VerifiedUser[] = []
  const log: string[] = []
  const app = Fastify({
    logger: { level: 'debug', stream: { write: line => { log.push(line) } } },
    logController: new LogController({ disableRequestLogging: true })
  })
  t.teardown(() => app.close())
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint, ...options })
  app.addHook('preHandler', async request => { if (app.cognito.findUser(request) !== null) users.push(request.user) })
  app.get('/user', { onRequest: app.authenticate }, async request => request.user)
  app.get('/handled', { onRequest: app.authenticate, errorHandler: (_error, _request, reply) => reply.code(401).send('no') }, async request => request.user)
  app.get('/admin', { onRequest: app.requireGroup('admin') }, async () => 'done')
  app.get('/write', { onRequest: app.requireScope('articles/write') }, async () => 'done')
  app.get('/unguarded', async request => request.user)
  app.get('/known', async request => ({ token: app.cognito.tokenState(request), authenticated: app.cognito.findUser(request) !== null }))
  const expiry = async (request: FastifyRequest) => { await setTimeout(request.user.expiresAt * 1000 - Date.now() + 5) }
  app.get('/guarded-thrice', { onRequest: [app.authenticate, expiry, app.requireGroup('admin'), app.requireScope('articles/write')] }, async () => 'done')
  await app.ready()
  return { app, pool, users, log }
}

/** The plugin as it is told of a pool on AWS, save that the keys are here. */
async function startServiceOfAws (t: Test): Promise<Service> {
  const pool = await startPool(t)
  return startService(t, { endpoint: undefined, jwksUri: `${pool.endpoint}/{pool}/.well-known/jwks.json` }, pool)
}
