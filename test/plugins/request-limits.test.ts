import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { read, startOnWire, type Wire } from '../support/wire.ts'
import { bearer, startApp } from '../support/app.ts'
import { codes, person } from '../support/people.ts'
import { until, type UserPool } from '../support/user-pool.ts'

const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`

/** Adds a route that needs a user and a public one. Their responses wait for `open`. */
function gate () {
  let open = () => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  let running = 0
  const handler = async () => {
    running++
    await opened
    return 'ok'
  }
  const addRoutes = (app: FastifyInstance) => {
    app.get('/slow', { schema: {}, onRequest: [app.authenticate, app.limitUser], handler })
    app.get('/slow-page', { handler })
  }
  return { open: () => open(), running: () => running, addRoutes }
}

function count (items: unknown[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[String(item)] = (counts[String(item)] ?? 0) + 1
  return counts
}

t.test('256 requests of a user run at the same time, 768 wait, and the rest gets 429', async t => {
  const { open, running, addRoutes } = gate()
  const { app, pool } = await startApp(t, {}, undefined, addRoutes)
  const [alice, bob] = [person(app, pool, 'alice'), person(app, pool, 'bob')]
  const responses = Array.from({ length: 1_100 }, () => alice.request('GET', '/slow'))
  const rejected = await Promise.race(responses)
  t.strictSame(codes(rejected), [429, 'rate_limited'])
  t.equal(rejected.headers['retry-after'], '1')
  await until(() => running() === 256)
  t.equal((await bob.request('GET', '/me')).statusCode, 200, 'another user is not affected')
  t.equal(running(), 256)
  open()
  t.strictSame(count((await Promise.all(responses)).map(({ statusCode }) => statusCode)), { 200: 1024, 429: 76 })
  t.equal((await alice.request('GET', '/me')).statusCode, 200)
})

t.test('4 searches of a user run at the same time, 64 wait, and the rest gets 429', async t => {
  const { open, running, addRoutes } = gate()
  const { app, pool } = await startApp(t, {}, undefined, addRoutes)
  const [alice, bob] = [person(app, pool, 'alice'), person(app, pool, 'bob')]
  const responses = Array.from({ length: 100 }, () => alice.request('GET', '/slow?q=bread'))
  t.strictSame(codes(await Promise.race(responses)), [429, 'rate_limited'])
  await until(() => running() === 4)
  t.equal((await alice.request('GET', '/articles')).statusCode, 200, 'requests without a search are not affected')
  t.equal((await bob.request('GET', '/articles?q=bread')).statusCode, 200, 'searches of another user are not affected')
  open()
  t.strictSame(count((await Promise.all(responses)).map(({ statusCode }) => statusCode)), { 200: 68, 429: 32 })
})

t.test('256 requests of an address without a token run at the same time, and the rest gets 429', async t => {
  const { open, addRoutes } = gate()
  const { app, pool } = await startApp(t, {}, undefined, addRoutes)
  const responses = Array.from({ length: 300 }, () => app.inject('/slow-page'))
  t.strictSame(codes(await Promise.race(responses)), [429, 'rate_limited'])
  t.equal((await person(app, pool, 'alice').request('GET', '/me')).statusCode, 200, 'a user at the address is not affected')
  const other = app.inject({ url: '/slow-page', remoteAddress: '192.0.2.1' })
  open()
  t.equal((await other).statusCode, 200)
  t.strictSame(count((await Promise.all(responses)).map(({ statusCode }) => statusCode)), { 200: 256, 429: 44 })
})

t.test('a connection reset right after its request counts for its address', async t => {
  const { app, log } = await startApp(t, { RATE_LIMIT_MAX: '1000' })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  for (let n = 0; n < 100; n++) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    await new Promise(resolve => socket.write('GET /articles HTTP/1.1\r\nhost: articles\r\n\r\n', resolve))
    socket.resetAndDestroy()
  }
  const { headers } = await fetch(`http://127.0.0.1:${port}/articles`)
  // A reset may overtake its request, which then never arrives. Most arrive.
  t.match(headers.get('ratelimit'), /^"address";r=[89]\d\d;/)
  t.notMatch(headers.get('ratelimit'), 'r=999;')
  t.notMatch(log.join(''), 'TypeError')
})

t.test('unfinished bodies of one user are limited, and other users are not affected', async t => {
  const wire = await startOnWire(t)
  const { app, pool } = wire
  const [alice, bob] = [person(app, pool, 'alice'), person(app, pool, 'bob')]
  for (const user of [alice, bob]) await user.request('GET', '/me')
  const head = `POST /articles HTTP/1.1\r\nhost: articles\r\nauthorization: ${bearer(alice.token).authorization}\r\ncontent-type: application/json\r\n`
  const held = await hold(wire, 150, `${head}content-length: 16\r\n\r\n{"name":"Bread"`)
  await until(() => listRejected(held).length === 23)
  t.strictSame(count(listRejected(held)), { '429 rate_limited': 23 })
  t.equal((await bob.request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
  t.equal((await alice.request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
})

t.test('an unfinished body no longer counts when its client has left', async t => {
  const wire = await startOnWire(t)
  const alice = person(wire.app, wire.pool, 'alice')
  const bytes = `POST /articles HTTP/1.1\r\nhost: articles\r\nauthorization: ${bearer(alice.token).authorization}\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{`
  for (let round = 0; round < 3; round++) {
    const held = await hold(wire, 64, bytes)
    await until(async () => (await wire.app.connectionStatistics()).open === 64)
    for (const { socket } of held) socket.resetAndDestroy()
    await until(async () => (await wire.app.connectionStatistics()).open === 0)
    t.strictSame(listRejected(held), [])
  }
  t.equal((await alice.request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
})

t.test('a body that arrives byte by byte is accepted', async t => {
  const { app, pool, open } = await startOnWire(t)
  const body = '{"name":"Bread"}'
  for (const isChunked of [true, false]) {
    const socket = await open()
    let text = ''
    socket.setNoDelay().on('data', chunk => { text += chunk })
    const framing = isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`
    socket.write(`POST /articles HTTP/1.1\r\nhost: articles\r\nauthorization: ${bearer(pool.idToken()).authorization}\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`)
    for (const byte of body) {
      await new Promise(resolve => setImmediate(resolve))
      socket.write(isChunked ? `1\r\n${byte}\r\n` : byte)
    }
    if (isChunked) socket.write('0\r\n\r\n')
    await until(() => text.includes('"Bread"'))
    t.strictSame(read(text).statuses, [201])
  }
  t.equal((await app.inject({ url: '/articles', headers: bearer(pool.idToken()) })).json().length, 2)
})

t.test('POST /cognito/post-confirmation rejects invalid headers before it reads the body', async t => {
  const wire = await startOnWire(t, { POST_CONFIRMATION_SECRET: secret })
  const now = Math.floor(Date.now() / 1000)
  const signed = { 'webhook-id': 'msg_1', 'webhook-timestamp': `${now}`, 'webhook-signature': 'v1,AAAA' }
  const cases = [{ ...signed, 'webhook-id': '' }, { ...signed, 'webhook-timestamp': '' }, { ...signed, 'webhook-timestamp': `${now}x` },
    { ...signed, 'webhook-timestamp': `${now - 400}` }, { ...signed, 'webhook-timestamp': `${now + 400}` }, { ...signed, 'webhook-signature': '' }]
  for (const headers of cases) {
    const [held] = await hold(wire, 1, head(headers, 'content-length: 1000'))
    await until(() => held !== undefined && listRejected([held]).length === 1)
    t.match(listRejected(held === undefined ? [] : [held]), [/^401 (invalid|no)_auth_token$/], JSON.stringify(headers))
  }
})

t.test('POST /cognito/post-confirmation accepts a signed event beside 200 unfinished ones of its address', async t => {
  const wire = await startOnWire(t, { POST_CONFIRMATION_SECRET: secret, RATE_LIMIT_MAX: '5' })
  const held = await hold(wire, 200, `${head(forged(), 'content-length: 57000')}{`)
  await until(() => listRejected(held).length === 184)
  t.strictSame(count(listRejected(held)), { '429 rate_limited': 184 })

  const { headers, payload } = genuine(wire.pool, 'alice')
  const socket = await wire.open()
  let text = ''
  socket.on('data', chunk => { text += chunk })
  socket.write(head(headers, `content-length: ${payload.length}`))
  await until(() => listRejected(held).length === 185)
  socket.write(payload)
  await until(() => text.includes('"alice"'))
  t.strictSame(read(text).statuses, [201])
})

t.test('unfinished bodies of many addresses are limited together', async t => {
  const wire = await startOnWire(t, { POST_CONFIRMATION_SECRET: secret, TRUST_PROXY: '127.0.0.1' })
  const held = await hold(wire, 200, index => `${head({ ...forged(), 'x-forwarded-for': `192.0.2.${index}` }, 'transfer-encoding: chunked')}1\r\n{\r\n`)
  await until(() => listRejected(held).length === 80)
  t.strictSame(count(listRejected(held)), { '503 overloaded': 80 })
  t.equal((await person(wire.app, wire.pool, 'alice').request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
})

t.test('POST /cognito/post-confirmation rejects a chunked body that is too large with 413', async t => {
  const wire = await startOnWire(t, { POST_CONFIRMATION_SECRET: secret })
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  const [held] = await hold(wire, 1, `${head(forged(), 'transfer-encoding: chunked')}`)
  for (let n = 0; n < 9; n++) held?.socket.write(chunk)
  await until(() => held !== undefined && listRejected([held]).length === 1)
  t.strictSame(listRejected(held === undefined ? [] : [held]), ['413 payload_too_large'])
})

t.test('POST /cognito/post-confirmation counts for its address only where the signature is invalid', async t => {
  const { app, pool } = await startApp(t, { POST_CONFIRMATION_SECRET: secret, RATE_LIMIT_MAX: '5' })
  const send = async ({ headers, payload }: ReturnType<typeof genuine>) => app.inject({ method: 'POST', url: '/cognito/post-confirmation', headers, payload })
  for (let n = 0; n < 20; n++) t.equal((await send(genuine(pool, 'alice'))).statusCode, n === 0 ? 201 : 200)
  t.match((await app.inject('/articles')).headers.ratelimit, '"address";r=4;', 'nothing was counted')

  const { payload } = genuine(pool, 'alice')
  const failures = [forged(), {}, { ...forged(), 'content-type': 'text/plain' }, { ...forged(), 'webhook-timestamp': '1' }]
  for (const headers of failures) t.ok([401, 415].includes((await send({ headers: { 'content-type': 'application/json', ...headers }, payload })).statusCode))
  for (const headers of failures) t.strictSame(codes(await send({ headers: { 'content-type': 'application/json', ...headers }, payload })), [429, 'rate_limited'])
  t.equal((await send(genuine(pool, 'alice'))).statusCode, 200, 'a signed event is accepted from an address without requests left')
})

const forged = () => ({ 'webhook-id': 'msg_1', 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`, 'webhook-signature': 'v1,AAAA' })

/** The request line and headers of a request to the webhook. */
function head (headers: Record<string, string>, framing: string): string {
  const lines = Object.entries({ host: 'articles', 'content-type': 'application/json', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST /cognito/post-confirmation HTTP/1.1\r\n${lines.join('')}${framing}\r\n\r\n`
}

function genuine (pool: UserPool, userName: string): { headers: Record<string, string>, payload: string } {
  const payload = JSON.stringify({
    version: '1',
    region: 'eu-west-1',
    userPoolId: pool.id,
    userName,
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: pool.clientId },
    triggerSource: 'PostConfirmation_ConfirmSignUp',
    request: { userAttributes: { sub: `subject-of-${userName}`, email: `${userName}@example.com`, email_verified: 'true' } },
    response: {}
  })
  return { headers: { ...forged(), 'webhook-signature': new Webhook(secret).sign('msg_1', new Date(), payload), 'content-type': 'application/json' }, payload }
}

interface Held { socket: Socket, received: () => string }

async function hold ({ open }: Wire, connections: number, bytes: string | ((index: number) => string)): Promise<Held[]> {
  return await Promise.all(Array.from({ length: connections }, async (_, index) => {
    const socket = await open()
    let text = ''
    socket.on('data', chunk => { text += chunk })
    socket.write(typeof bytes === 'string' ? bytes : bytes(index))
    return { socket, received: () => text }
  }))
}

function listRejected (held: Held[]): string[] {
  return held.flatMap(({ received }) => {
    const { statuses, codes } = read(received())
    return codes.length > 0 ? [`${statuses.join()} ${codes.join()}`] : []
  })
}
