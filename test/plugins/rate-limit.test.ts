import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { freePort } from '../support/embedded-postgres.ts'
import { bearer, newDatabase, startApp, startPool } from '../support/app.ts'
import { codes, person } from '../support/people.ts'
import { until } from '../support/user-pool.ts'

const limit = { RATE_LIMIT_MAX: '5', RATE_LIMIT_WINDOW_S: '60' }

t.test('a user may send RATE_LIMIT_MAX requests a window, with any token and from any address', async t => {
  const { app, pool } = await startApp(t, limit)
  const [one, two] = [person(app, pool, 'alice'), person(app, pool, 'alice')]
  for (let n = 1; n <= 5; n++) {
    const response = await (n % 2 ? one : two).request('GET', '/me', { remoteAddress: `127.0.0.${n}` })
    t.equal(response.statusCode, 200)
    t.equal(response.headers['ratelimit-policy'], '"user";q=5;w=60')
    t.match(response.headers.ratelimit, new RegExp(`^"user";r=${5 - n};t=\\d+$`))
  }
  const rejected = await one.request('GET', '/articles')
  t.strictSame(codes(rejected), [429, 'rate_limited'])
  t.match(rejected.headers, { 'retry-after': /^([1-9]|[1-5]\d|60)$/, ratelimit: /^"user";r=0;t=\d+$/ })
  t.equal((await person(app, pool, 'bob').request('GET', '/me')).statusCode, 200, 'other users are not affected')
})

t.test('invalid tokens and unknown URLs count for the address of the client', async t => {
  const { app, pool } = await startApp(t, limit)
  const attempts = [{ url: '/articles' }, { url: '/articles', headers: bearer('bad') }, { url: '/nothing' }, { method: 'PUT', url: '/articles' }, { url: '/admin/users', headers: bearer('bad') }] as const
  for (const [n, attempt] of attempts.entries()) {
    const response = await app.inject(attempt)
    t.ok([401, 404, 405].includes(response.statusCode))
    t.match(response.headers.ratelimit, new RegExp(`^"address";r=${4 - n};t=\\d+$`))
  }
  for (const attempt of attempts) t.strictSame(codes(await app.inject(attempt)), [429, 'rate_limited'])
  t.equal((await app.inject({ ...attempts[0], remoteAddress: '127.0.0.2' })).statusCode, 401, 'another address is not affected')
  t.strictSame(codes(await app.inject({ url: '/me', headers: bearer(pool.idToken()) })), [429, 'rate_limited'], 'a new token is not verified')
})

t.test('URLs that the router cannot decode count for the address of the client', async t => {
  const { app, log } = await startApp(t, { ...limit, TRUST_PROXY: '127.0.0.1' })
  const from = async (client: string, url: string) => app.inject({ url, headers: { 'x-forwarded-for': client } })
  const unreadable = ['/%', '/articles/%zz', '/%c0%af', `/articles/${'1'.repeat(200)}`, '/articles%']
  for (const [n, url] of unreadable.entries()) t.match((await from('192.0.2.1', url)).headers.ratelimit, `"address";r=${4 - n};`, url)
  log.length = 0
  for (const url of unreadable) t.strictSame(codes(await from('192.0.2.1', url)), [429, 'rate_limited'], url)
  t.equal(log.length, unreadable.length, 'each is one log line')
  t.strictSame(codes(await from('192.0.2.2', '/%')), [400, 'validation_failed'])
  t.strictSame(codes(await from('192.0.2.2', `/articles/${'1'.repeat(200)}`)), [404, 'not_found'])
})

t.test('a cached token passes where its address has no requests left', async t => {
  const { app, pool } = await startApp(t, limit)
  const alice = person(app, pool, 'alice')
  t.equal((await alice.request('GET', '/me')).statusCode, 200)
  for (let n = 0; n < 6; n++) await app.inject('/articles')
  t.equal((await app.inject('/articles')).statusCode, 429)
  t.equal((await alice.request('GET', '/me')).statusCode, 200)
})

t.test('requests rejected with 403 count for the user', async t => {
  const { app, pool } = await startApp(t, limit)
  const alice = person(app, pool, 'alice')
  for (let n = 0; n < 5; n++) t.strictSame(codes(await alice.request('GET', '/admin/users')), [403, 'forbidden'])
  t.strictSame(codes(await alice.request('GET', '/admin/users')), [429, 'rate_limited'])
})

t.test('a rate limit resets when its window ends', async t => {
  const { app } = await startApp(t, { RATE_LIMIT_MAX: '1', RATE_LIMIT_WINDOW_S: '1' })
  t.equal((await app.inject('/articles')).statusCode, 401)
  const rejected = await app.inject('/articles')
  t.equal(rejected.statusCode, 429)
  t.equal(rejected.headers['retry-after'], '1')
  while ((await app.inject('/articles')).statusCode === 429) await wait(20)
})

t.test('a clock that is set back does not extend a window', async t => {
  const { app } = await startApp(t, { RATE_LIMIT_MAX: '1', RATE_LIMIT_WINDOW_S: '1' })
  t.equal((await app.inject('/articles')).statusCode, 401)
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() - 3_600_000
  const rejected = await app.inject('/articles')
  t.strictSame([rejected.statusCode, rejected.headers['retry-after']], [429, '1'])
  await until(async () => (await app.inject('/articles')).statusCode === 401)
})

t.test('health checks have no rate limit, and RATE_LIMIT_MAX 0 turns it off', async t => {
  const { app } = await startApp(t, { RATE_LIMIT_MAX: '1' })
  for (let n = 0; n < 5; n++) t.equal((await app.inject('/health/live')).statusCode, 200)
  const unlimited = (await startApp(t, { RATE_LIMIT_MAX: '0' })).app
  for (let n = 0; n < 5; n++) t.equal((await unlimited.inject('/articles')).headers.ratelimit, undefined)
})

t.test('X-Forwarded-For counts only from trusted proxies', async t => {
  const forged = (n: number) => ({ url: '/articles', headers: { 'x-forwarded-for': `203.0.113.${n}` } })
  const direct = (await startApp(t, limit)).app
  for (let n = 0; n < 5; n++) await direct.inject(forged(n))
  t.equal((await direct.inject(forged(9))).statusCode, 429, 'a forged header changes nothing')

  const behind = (await startApp(t, { ...limit, TRUST_PROXY: '127.0.0.0/8, 10.0.0.1' })).app
  for (let n = 0; n < 9; n++) t.equal((await behind.inject(forged(n))).statusCode, 401)
  for (let n = 0; n < 5; n++) await behind.inject({ ...forged(1), remoteAddress: '192.0.2.1' })
  t.equal((await behind.inject({ ...forged(200), remoteAddress: '192.0.2.1' })).statusCode, 429, '192.0.2.1 is no trusted proxy')
})

t.test('IPv6 addresses of one network count together', async t => {
  const { app } = await startApp(t, limit)
  for (let n = 0; n < 5; n++) await app.inject({ url: '/articles', remoteAddress: `2001:db8:1:1::${n}` })
  t.equal((await app.inject({ url: '/articles', remoteAddress: '2001:db8:1:1:ffff::1' })).statusCode, 429)
  t.equal((await app.inject({ url: '/articles', remoteAddress: '2001:db8:2:1::1' })).statusCode, 401)
})

t.test('a cached token does not lift the limit of its address on public and unknown routes', async t => {
  const { app, pool } = await startApp(t, { RATE_LIMIT_MAX: '5' })
  const headers = bearer(pool.idToken())
  t.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
  const statuses = new Set<number>()
  for (let index = 0; index < 50; index++) statuses.add((await app.inject({ url: '/nothing', headers })).statusCode)
  t.ok(statuses.has(429), [...statuses].join())
})

t.test('a cached token with a second Authorization header does not lift the limit of its address', async t => {
  const { app, pool } = await startApp(t, { RATE_LIMIT_MAX: '5' })
  const good = `Bearer ${pool.idToken()}`
  t.equal((await app.inject({ url: '/me', headers: { authorization: good } })).statusCode, 200)
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const statuses = new Set<number>()
  for (let index = 0; index < 50; index++) {
    const [response] = await once(httpRequest({ port: url.port, host: '127.0.0.1', path: '/me', headers: ['Host', 'x', 'Connection', 'close', 'Authorization', good, 'Authorization', 'x'] }).end(), 'response')
    response.resume()
    statuses.add(response.statusCode)
  }
  t.ok(statuses.has(429), [...statuses].join())
})

const hasRedis = spawnSync('redis-server', ['--version']).status === 0

t.test('replicas share rate limits through Redis, and count alone without it', { skip: hasRedis ? false : 'needs Redis: apt-get install redis-server' }, async t => {
  const port = await freePort()
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', t.testdir()], { stdio: 'ignore' })
  t.teardown(() => redis.kill('SIGKILL'))
  await waitForServer(port)

  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const changes = { ...limit, DATABASE_URL, REDIS_URL: `redis://127.0.0.1:${port}` }
  const one = (await startApp(t, changes, pool)).app
  const { app: two, log } = await startApp(t, changes, pool)
  const alice = [person(one, pool, 'alice'), person(two, pool, 'alice')] as const
  for (let n = 1; n <= 5; n++) {
    const response = await alice[n % 2 ? 0 : 1].request('GET', '/me')
    t.match(response.headers.ratelimit, new RegExp(`r=${5 - n};`))
  }
  for (const person of alice) t.equal((await person.request('GET', '/me')).statusCode, 429)

  redis.kill('SIGKILL')
  await once(redis, 'exit')
  for (const person of alice) {
    for (let n = 1; n <= 5; n++) t.equal((await person.request('GET', '/me')).statusCode, 200, 'each replica now counts alone')
    t.equal((await person.request('GET', '/me')).statusCode, 429)
  }
  while (!log.some(line => line.includes('Redis cannot be reached'))) await wait(20)
})

t.test('requests do not each wait for a Redis that hangs', { skip: hasRedis ? false : 'needs Redis: apt-get install redis-server' }, async t => {
  const port = await freePort()
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', t.testdir()], { stdio: 'ignore' })
  t.teardown(() => redis.kill('SIGKILL'))
  await waitForServer(port)
  const { app, pool } = await startApp(t, { RATE_LIMIT_MAX: '1000', REDIS_URL: `redis://127.0.0.1:${port}` })
  const alice = person(app, pool, 'alice')
  t.match((await alice.request('GET', '/me')).headers.ratelimit, 'r=999;')
  redis.kill('SIGSTOP')
  const begun = performance.now()
  for (let n = 0; n < 60; n++) t.equal((await alice.request('GET', '/me')).statusCode, 200)
  t.ok(performance.now() - begun < 25_000, 'half a second each would be 30')
})

t.test('a file that cannot be read while the request waits for Redis is a 500', async t => {
  // A Redis that takes 100 ms to count a request.
  const redis = createServer(socket => {
    socket.on('error', () => {}).on('data', async data => {
      const isCount = data.includes('eval')
      if (isCount) await wait(100)
      socket.write(isCount ? '*2\r\n:1\r\n:60000\r\n' : '$17\r\nredis_version:8.0\r\n')
    })
  }).listen(0, '127.0.0.1')
  t.teardown(() => redis.close())
  await once(redis, 'listening')
  const { port } = Object(redis.address())
  const { app, log } = await startApp(t, { ...limit, REDIS_URL: `redis://127.0.0.1:${port}` }, undefined, app => {
    app.get('/file', async () => createReadStream(`${t.testdir()}/none`))
  })
  t.strictSame(codes(await app.inject('/file')), [500, 'internal_error'])
  t.match(log.join(''), 'ENOENT')
})

t.test('requests of 5,000 other addresses do not reset the limit of an address', async t => {
  const { app } = await startApp(t, { RATE_LIMIT_MAX: '1' })
  const from = async (remoteAddress: string) => (await app.inject({ url: '/articles', remoteAddress })).statusCode
  t.equal(await from('192.0.2.1'), 401)
  for (let n = 0; n < 5_000; n++) await from(`10.0.${n >> 8}.${n & 255}`)
  t.equal(await from('192.0.2.1'), 429)
})

t.test('X-Forwarded-For counts by its address in every notation', async t => {
  const { app } = await startApp(t, { ...limit, TRUST_PROXY: 'true' })
  const from = async (header: string) => (await app.inject({ url: '/articles', headers: { 'x-forwarded-for': header } })).statusCode
  const clients = [
    ['192.0.2.1', '192.0.2.1:1', '192.0.2.1:65535', '::ffff:192.0.2.1', '[::ffff:c000:201]:9', ' 192.0.2.1 , 10.0.0.1'],
    ['2001:db8::1', '2001:DB8::2', '[2001:db8::3]', '[2001:db8::4]:443', '2001:db8:0:0:ffff::1', '2001:db8::5%eth0'],
    ['fe80::1%eth0', 'fe80::2%eth1', '[fe80::3%1]:80', 'fe80::4', 'fe80::5', 'fe80::6']
  ]
  for (const [last = '', ...others] of clients.map(client => client.reverse())) {
    for (const header of others) t.equal(await from(header), 401, header)
    t.equal(await from(last), 429, last)
  }
})

t.test('X-Forwarded-For without an address counts for the address of the connection', async t => {
  const { app } = await startApp(t, { ...limit, TRUST_PROXY: 'true' })
  const from = async (header: string, remoteAddress: string) => (await app.inject({ url: '/articles', headers: { 'x-forwarded-for': header }, remoteAddress })).statusCode
  const junk = ['unknown', '_hidden', 'x'.repeat(15_000), '192.0.2.1:x', '[192.0.2.1', '1.2.3.4.5']
  for (const [index, header] of junk.entries()) t.equal(await from(header, '192.0.2.9'), index < 5 ? 401 : 429, header.slice(0, 20))
  t.equal(await from('unknown', '192.0.2.10'), 401)
})

t.test('the service starts while Redis cannot be reached', async t => {
  const { app } = await startApp(t, { ...limit, REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  for (let n = 0; n < 5; n++) t.equal((await app.inject('/articles')).statusCode, 401)
  t.equal((await app.inject('/articles')).statusCode, 429)
})

async function waitForServer (port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(() => true, () => false)
    socket.destroy()
    if (open) return
    await wait(50)
  }
  throw new Error('the server does not respond')
}
