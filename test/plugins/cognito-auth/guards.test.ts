import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get } from 'node:http'
import type { Duplex } from 'node:stream'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import cognitoAuth, { isCognitoAuthError, type CognitoAuthOptions } from '../../../plugins/cognito-auth/index.ts'
import { bearer, startPool } from '../../support/app.ts'
import { publicJwk, type UserPool } from '../../support/user-pool.ts'

t.test('authenticateOptional lets a request without a token in, without a user', async t => {
  const { app, pool } = await start(t)
  app.get('/', { onRequest: app.authenticateOptional }, async request => ({ user: app.cognito.findUser(request)?.username ?? null }))
  t.strictSame((await app.inject('/')).json(), { user: null })
  t.strictSame((await app.inject({ url: '/', headers: { authorization: 'Basic YTpi' } })).json(), { user: null })
  t.strictSame((await app.inject({ url: '/', headers: bearer(pool.idToken()) })).json(), { user: 'alice' })
  const refused = await app.inject({ url: '/', headers: bearer(pool.idToken({ exp: 1 })) })
  t.strictSame([refused.statusCode, refused.json().code], [401, 'FST_COGNITO_EXPIRED_TOKEN'])
})

t.test('requireGroup accepts a member of any of its groups', async t => {
  const { app, pool } = await start(t)
  app.get('/', { preHandler: app.requireGroup('admin', 'auditors') }, async () => 'done')
  const status = async (groups: string[]) => (await app.inject({ url: '/', headers: bearer(pool.idToken({ 'cognito:groups': groups })) })).statusCode
  t.equal(await status(['auditors', 'readers']), 200)
  t.equal(await status(['admin']), 200)
  t.equal(await status(['readers']), 403)
})

t.test('requireScope demands all of its scopes, and its challenge names all', async t => {
  const { app, pool } = await start(t)
  app.get('/', { preHandler: app.requireScope('a/read', 'a/write') }, async () => 'done')
  const get = (scope: string) => app.inject({ url: '/', headers: bearer(pool.accessToken({ scope })) })
  t.equal((await get('a/write b/read a/read')).statusCode, 200)
  const refused = await get('a/read')
  t.match(refused.json(), { statusCode: 403, code: 'FST_COGNITO_INSUFFICIENT_SCOPE', message: 'This needs an access token with the scopes a/read, a/write.' })
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope", scope="a/read a/write"')
})

t.test('requireGroup and requireScope throw for no name and for an empty one', async t => {
  const { app } = await start(t)
  // Lists that only JavaScript can give.
  const none: [string] = JSON.parse('[]')
  for (const names of [none, ['']] satisfies [string][]) {
    t.throws(() => app.requireGroup(...names), { message: 'requireGroup takes one or more names' })
    t.throws(() => app.requireScope(...names), { message: 'requireScope takes one or more names' })
  }
})

t.test('verifyToken resolves to the cached user of a good token and rejects another with its challenge', async t => {
  const { app, pool } = await start(t)
  await app.ready()
  const token = pool.idToken()
  const user = await app.verifyToken(token)
  t.equal(user.username, 'alice')
  t.equal(await app.verifyToken(token), user)
  await t.rejects(app.verifyToken('a.b.c'), {
    code: 'FST_COGNITO_INVALID_TOKEN', headers: { 'www-authenticate': /^Bearer realm="api", error="invalid_token"/ }
  })
})

t.test('verifyToken tells the cause where a customCheck throws', async t => {
  const { app, pool } = await start(t, { customCheck: () => { throw new TypeError('a mistake') } })
  await app.ready()
  const error = await app.verifyToken(pool.idToken()).catch(error => error)
  t.ok(isCognitoAuthError(error))
  t.match(error, { reason: 'custom_check', cause: TypeError })
})

t.test('getToken reads the token elsewhere, and the header is not read', async t => {
  const { app, pool } = await start(t, { getToken: ({ headers }) => /session=([^;]*)/.exec(headers.cookie ?? '')?.[1] })
  app.get('/', { onRequest: app.authenticate }, async request => ({ name: request.user.username, state: app.cognito.tokenState(request) }))
  const token = pool.idToken()
  const none = await app.inject({ url: '/', headers: bearer(token) })
  t.match(none.json(), { code: 'FST_COGNITO_NO_TOKEN', message: 'The request has no token.' })
  t.match((await app.inject({ url: '/', headers: { cookie: 'session=' } })).json(), { code: 'FST_COGNITO_NO_TOKEN' })
  t.match((await app.inject({ url: '/', headers: { cookie: `session=${token}` } })).json(), { name: 'alice', state: 'new' })
  t.match((await app.inject({ url: '/', headers: { cookie: `session=${token}` } })).json(), { name: 'alice', state: 'known' })
})

t.test('a getToken that throws is the fault of the service, not of the token', async t => {
  const { app } = await start(t, { getToken: () => { throw new TypeError('a mistake') } })
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  const response = await app.inject('/')
  t.strictSame([response.statusCode, response.json().message], [500, 'a mistake'])
})

t.test('customCheck sees header and claims once for a token, and refuses a token that it throws for', async t => {
  const seen: unknown[] = []
  const { app, pool } = await start(t, {
    async customCheck ({ header, payload }) {
      seen.push([header.kid, payload['custom:tenant']])
      if (payload['custom:tenant'] !== 'one') throw new Error('wrong tenant')
    }
  })
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  const get = (token: string) => app.inject({ url: '/', headers: bearer(token) })
  const token = pool.idToken({ 'custom:tenant': 'one' })
  t.equal((await get(token)).statusCode, 200)
  t.equal((await get(token)).statusCode, 200)
  const refused = await get(pool.idToken({ 'custom:tenant': 'two' }))
  t.match(refused.json(), { statusCode: 401, code: 'FST_COGNITO_INVALID_TOKEN', message: 'The token does not pass the custom check.' })
  t.notMatch(refused.headers['www-authenticate'], 'wrong tenant')
  t.strictSame(seen, [[pool.key.kid, 'one'], [pool.key.kid, 'two']])
})

t.test('groups and scope of the registration hold for each token', async t => {
  const { app, pool } = await start(t, { groups: ['staff'], tokenUse: 'access', scope: ['a/read', 'a/write'] })
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  const get = (changes: object) => app.inject({ url: '/', headers: bearer(pool.accessToken({ 'cognito:groups': ['staff'], scope: 'a/read', ...changes })) })
  t.equal((await get({})).statusCode, 200)
  t.match((await get({ 'cognito:groups': [] })).json(), { statusCode: 403, code: 'FST_COGNITO_MISSING_GROUP' })
  t.match((await get({ scope: 'b/read' })).json(), { statusCode: 403, code: 'FST_COGNITO_INSUFFICIENT_SCOPE' })
})

t.test('static jwks verify tokens without a fetch', async t => {
  const pool = await startPool(t)
  const { app } = await start(t, { jwks: { keys: pool.keys.map(publicJwk) } }, pool)
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  t.equal((await app.inject({ url: '/', headers: bearer(pool.idToken()) })).statusCode, 200)
  t.equal(pool.fetches.length, 0)
})

t.test('maxTokenBytes limits the token', async t => {
  const { app, pool } = await start(t, { maxTokenBytes: 1_024 })
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  const response = await app.inject({ url: '/', headers: bearer(pool.idToken({ padding: 'x'.repeat(1_024) })) })
  t.match(response.json(), { code: 'FST_COGNITO_INVALID_TOKEN', message: 'The token is longer than 1024 bytes.' })
})

t.test('userPools accept the tokens of each pool by its own rules', async t => {
  const [people, partners] = [await startPool(t, { id: 'eu-west-1_People001' }), await startPool(t, { id: 'eu-west-1_Partners1' })]
  const jwks = (pool: UserPool) => ({ keys: pool.keys.map(publicJwk) })
  const { app } = await start(t, {
    userPoolId: undefined,
    clientId: undefined,
    endpoint: 'https://cognito.example.com',
    userPools: [
      { userPoolId: people.id, clientId: 'client1', tokenUse: 'id', jwks: jwks(people) },
      { userPoolId: partners.id, clientId: null, tokenUse: 'access', scope: 'orders/read', jwks: jwks(partners) }
    ]
  }, people)
  app.get('/', { onRequest: app.authenticate }, async request => request.user.userPoolId)
  const get = (token: string) => app.inject({ url: '/', headers: bearer(token) })
  const iss = (pool: UserPool) => `https://cognito.example.com/${pool.id}`
  t.equal((await get(people.idToken({ iss: iss(people) }))).body, people.id)
  t.equal((await get(partners.accessToken({ iss: iss(partners), client_id: 'any', scope: 'orders/read' }))).body, partners.id)
  t.equal((await get(people.accessToken({ iss: iss(people) }))).statusCode, 401)
  t.equal((await get(partners.accessToken({ iss: iss(partners) }))).statusCode, 403)
  t.equal((await get(people.accessToken({ iss: iss(partners), scope: 'orders/read' }))).statusCode, 401, "a key of one pool under another pool's issuer")
})

t.test('replicaRegions make the issuers of a replica the same identity', async t => {
  const pool = await startPool(t)
  const { app } = await start(t, { endpoint: undefined, replicaRegions: ['us-east-1'], jwks: { keys: pool.keys.map(publicJwk) } }, pool)
  app.get('/', { onRequest: app.authenticate }, async request => request.user.key)
  const get = (host: string) => app.inject({ url: '/', headers: bearer(pool.idToken({ iss: `https://${host}.amazonaws.com/${pool.id}`, sub: 'a' })) })
  for (const host of ['cognito-idp.eu-west-1', 'issuer-cognito-idp.eu-west-1', 'cognito-idp.us-east-1', 'issuer-cognito-idp.us-east-1']) {
    t.equal((await get(host)).body, `https://cognito-idp.eu-west-1.amazonaws.com/${pool.id} a`)
  }
  t.equal((await get('cognito-idp.us-east-2')).statusCode, 401)
})

t.test('guards protect WebSocket routes before the upgrade', async t => {
  const { app, pool } = await start(t)
  await app.register(websocket)
  app.register(async scope => {
    scope.get('/socket', { websocket: true, onRequest: scope.requireGroup('admin') }, (socket, request) => socket.send(request.user.username))
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const open = (token: string) => get(`${address}/socket`, {
    headers: { ...bearer(token), connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': randomBytes(16).toString('base64') }
  })

  const upgrading = open(pool.idToken({ 'cognito:groups': ['admin'] }))
  const socket = await new Promise<Duplex>((resolve, reject) => {
    upgrading.on('upgrade', (_response, socket, head) => { socket.unshift(head); resolve(socket) }).on('error', reject)
  })
  const [frame] = await once(socket, 'data')
  t.match(String(frame), /alice$/)
  socket.destroy()

  const statusCode = await new Promise((resolve, reject) => {
    open(pool.idToken()).on('response', response => { response.resume(); resolve(response.statusCode) }).on('error', reject)
  })
  t.equal(statusCode, 403)
})

t.test('tokenState is none for a request with two tokens, which the guard refuses', async t => {
  const { app, pool } = await start(t)
  let state: unknown
  app.addHook('onRequest', async request => { state = app.cognito.tokenState(request) })
  app.get('/', { onRequest: app.authenticate }, async () => 'done')
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const statusCode = await new Promise((resolve, reject) => {
    get(address, { headers: ['Host', 'a', 'Authorization', pool.idToken(), 'Authorization', pool.idToken()] })
      .on('response', response => { response.resume(); resolve(response.statusCode) }).on('error', reject)
  })
  t.strictSame([statusCode, state], [401, 'none'])
})

/** The plugin in a server without anything else. */
async function start (t: Test, options: Partial<CognitoAuthOptions> = {}, ownPool?: UserPool): Promise<{ app: FastifyInstance, pool: UserPool }> {
  const pool = ownPool ?? await startPool(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint, ...options })
  return { app, pool }
}
