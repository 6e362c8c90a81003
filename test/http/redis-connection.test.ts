import { once } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { freePort } from '../support/embedded-postgres.ts'
import { person } from '../support/people.ts'
import { skipWithoutRedis as skip, startRedis } from '../support/redis.ts'
import { TcpRelay } from '../support/tcp-relay.ts'
import { until } from '../support/user-pool.ts'

const limit = { RATE_LIMIT_MAX: '1000' }
const isLocal = (line: string) => line.includes('rate limits are local')
const isSharedAgain = (line: string) => line.includes('rate limits are shared again')

/** A client of a test's own. */
function client (t: Test, port: number, password = ''): Redis {
  const redis = new Redis(port, '127.0.0.1', { ...(password !== '' && { password }) })
  t.teardown(() => redis.disconnect())
  return redis
}

/** Three nodes that share the slots of a cluster. */
async function startCluster (t: Test): Promise<number[]> {
  const nodes = []
  for (let n = 0; n < 3; n++) {
    const busPort = await freePort()
    const { port } = await startRedis(t, ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${n}.conf`, '--cluster-port', `${busPort}`, '--requirepass', 'p@ss'])
    nodes.push({ port, busPort, redis: client(t, port, 'p@ss') })
  }
  for (const [n, { redis }] of nodes.entries()) {
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', n * 5_461, n === 2 ? 16_383 : (n + 1) * 5_461 - 1)
    for (const { port, busPort } of nodes) await redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  }
  for (const { redis } of nodes) await until(async () => String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok'), 60)
  return nodes.map(({ port }) => port)
}

/** Counts requests of alice at two replicas in turn, and returns what is left after each. */
async function countAtTwo (t: Test, REDIS_URL: string): Promise<Array<string | undefined>> {
  const pool = await startPool(t)
  const changes = { ...limit, REDIS_URL, DATABASE_URL: await newDatabase(t) }
  const left = []
  const people = []
  for (const { app } of [await startApp(t, changes, pool), await startApp(t, changes, pool)]) people.push(person(app, pool, 'alice'))
  for (let n = 0; n < 2; n++) {
    for (const alice of people) left.push(/r=(\d+)/.exec(String((await alice.request('GET', '/me')).headers.ratelimit))?.[1])
  }
  return left
}

t.test('one log line tells when limits become local, and one when they are shared again', { skip }, async t => {
  const { port, child } = await startRedis(t)
  const { app, pool, log } = await startApp(t, { ...limit, REDIS_URL: `redis://127.0.0.1:${port}` })
  const alice = person(app, pool, 'alice')
  t.match((await alice.request('GET', '/me')).headers.ratelimit, 'r=999;')
  t.equal(app.areLimitsShared?.(), true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(() => log.some(isLocal))
  for (let n = 0; n < 3; n++) t.equal((await alice.request('GET', '/me')).statusCode, 200)
  t.equal(app.areLimitsShared?.(), false)
  await startRedis(t, [], port)
  // No request is needed for it.
  await until(() => log.some(isSharedAgain))
  t.equal(app.areLimitsShared?.(), true)
  t.equal(log.filter(isLocal).length, 1)
  t.equal(log.filter(isSharedAgain).length, 1)
})

t.test('the gauge rate_limits_shared is 1 while limits are shared, 0 while they are local, and absent without Redis', { skip }, async t => {
  const { port, child } = await startRedis(t)
  const measure = async (changes: Record<string, string>) => {
    const { app, log } = await startApp(t, { ...limit, METRICS_PORT: '0', ...changes })
    const [, url = ''] = /Metrics served at (http:[^"]+)/.exec(log.join('')) ?? []
    return { app, gauge: async () => /^rate_limits_shared (.*)$/m.exec(await (await fetch(url)).text())?.[1] }
  }
  t.equal(await (await measure({})).gauge(), undefined)
  const { app, gauge } = await measure({ REDIS_URL: `redis://127.0.0.1:${port}` })
  t.equal(await gauge(), '1')
  child.kill('SIGKILL')
  await until(() => app.areLimitsShared?.() === false)
  t.equal(await gauge(), '0')
})

t.test('after a failover the service connects anew, and reaches the new primary', { skip }, async t => {
  const [old, next] = [await startRedis(t), await startRedis(t)]
  const relay = await TcpRelay.start(old.port)
  t.teardown(() => relay.close())
  const { app, pool, log } = await startApp(t, { ...limit, REDIS_URL: `redis://127.0.0.1:${relay.port}` })
  const alice = person(app, pool, 'alice')
  t.match((await alice.request('GET', '/me')).headers.ratelimit, 'r=999;')
  relay.target = next.port
  await client(t, old.port).replicaof('127.0.0.1', next.port)
  await until(async () => {
    t.equal((await alice.request('GET', '/me')).statusCode, 200)
    return log.some(isSharedAgain)
  })
  t.match(log.find(isLocal), 'READONLY')
  t.equal(log.filter(isLocal).length, 1)
  const counted = await client(t, next.port).keys('articles-rate-limit-*')
  t.equal(counted.length, 1, 'the new primary counts')
})

t.test('redis+cluster: shares limits over a Redis cluster', { skip }, async t => {
  const ports = await startCluster(t)
  // Through a node that most likely does not hold the key. Each node redirects to the others.
  for (const port of ports) {
    const [first, ...rest] = await countAtTwo(t, `redis+cluster://default:p%40ss@127.0.0.1:${port}`)
    t.strictSame(rest, [1, 2, 3].map(n => `${Number(first) - n}`), `${port}`)
  }
})

t.test('the user of an ACL suffices that may count', { skip }, async t => {
  const { port } = await startRedis(t)
  await client(t, port).call('ACL', 'SETUSER', 'articles', 'on', '>w@rd', '~articles-rate-limit-*', '+@connection', '+info', '+@scripting', '+@read', '+@write')
  t.strictSame(await countAtTwo(t, `redis://articles:w%40rd@127.0.0.1:${port}`), ['999', '998', '997', '996'])
})

t.test('a user whose commands are refused is one line in the log, and limits are local', { skip }, async t => {
  const { port } = await startRedis(t)
  await client(t, port).call('ACL', 'SETUSER', 'articles', 'on', '>word', '~articles-rate-limit-*', '+@connection', '+info')
  const { app, pool, log } = await startApp(t, { ...limit, REDIS_URL: `redis://articles:word@127.0.0.1:${port}` })
  const alice = person(app, pool, 'alice')
  for (let left = 999; left > 996; left--) t.match((await alice.request('GET', '/me')).headers.ratelimit, `r=${left};`)
  t.match(log.filter(isLocal), [/NOPERM/])
  t.equal(log.filter(isLocal).length, 1)
  // A new connection changes nothing.
  await client(t, port).call('CLIENT', 'KILL', 'USER', 'articles')
  await until(async () => String(await client(t, port).call('CLIENT', 'LIST')).includes('user=articles'))
  t.equal(log.filter(isSharedAgain).length, 0)
  t.equal(app.areLimitsShared?.(), false)
})
