import type { RequestListener } from 'node:http'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { startPool } from '../../../support/app.ts'
import { makeKey, publicJwk, until } from '../../../support/user-pool.ts'
import { gaps, startKeyStore } from './start-key-store.ts'

const lies: Record<string, RequestListener> = {
  'a status of 500': (_request, response) => { response.writeHead(500).end('{}') },
  HTML: (_request, response) => { response.end('<!doctype html>') },
  'an empty set': (_request, response) => { response.end('{"keys":[]}') },
  'a set without a usable key': (_request, response) => { response.end(JSON.stringify({ keys: [publicJwk(makeKey('weak', 1024))] })) },
  'a redirect': (_request, response) => { response.writeHead(302, { location: '/elsewhere' }).end() },
  'a redirect to itself': (request, response) => { response.writeHead(307, { location: request.url }).end() },
  '300 MB': (_request, response) => {
    let sent = 0
    const send = () => { if (!response.destroyed && sent++ < 300) response.write(Buffer.alloc(2 ** 20, 32), send) }
    send()
  },
  'a gzip bomb': (_request, response) => { response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(100 * 2 ** 20, 32))) },
  'a cut connection': request => { request.socket.destroy() },
  'no answer at all': () => {},
  'a byte every 100 ms': (_request, response) => {
    const timer = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(timer))
  }
}

t.test('KeyStore keeps the keys in hand when the key server answers with a lie', async t => {
  await Promise.all(Object.entries(lies).map(async ([name, lie]) => {
    const { pool, keyStore, find, events } = await startKeyStore(t, { cacheTtlSeconds: 1 })
    const key = await find(pool.key.kid)
    pool.answer = lie
    await until(() => events.some(event => event.type === 'fetch-failed'), 20)
    t.match(events[1], { type: 'fetch-failed', issuer: pool.issuer, optional: false, keysInHand: true, error: Error }, name)
    t.equal(keyStore.find(pool.issuer, pool.key.kid), key, name)
    t.ok(key.trustedUntil > performance.now(), name)
    t.ok(keyStore.ready, name)
  }))
})

t.test('KeyStore lets nobody who asks for a key in hand wait for a fetch', async t => {
  const { pool, keyStore, find, events } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  const key = await find(pool.key.kid)
  pool.answer = () => {}
  await until(() => pool.fetches.length === 2)
  t.equal(keyStore.find(pool.issuer, pool.key.kid), key)
  t.equal(events.length, 1, 'the second fetch is under way')
})

t.test('KeyStore backs off from a failing key server, however many ask', async t => {
  const { pool, find, refusal } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  const key = await find(pool.key.kid)
  pool.answer = (_request, response) => { response.writeHead(503).end() }
  const refusals = new Set<string>()
  await until(async () => {
    for (const name of await Promise.all(Array.from({ length: 20 }, (_, index) => refusal(`unknown-${index}`)))) refusals.add(name)
    return pool.fetches.length === 5
  }, 15)
  const [first = 0, second = 0, third = 0] = gaps(pool).slice(1)
  t.ok(first >= 490 && second >= 990 && third >= 1_990, `${gaps(pool)} ms between fetches`)
  t.equal(await find(pool.key.kid), key)
  t.ok(refusals.has('keys_unavailable'))
  t.notOk(refusals.has('none'))
})

t.test('KeyStore, cold and without a key server, says when to ask again, and comes back by itself', async t => {
  const pool = await startPool(t)
  await pool.down()
  const { keyStore, find, events } = await startKeyStore(t, { pool })
  keyStore.start()
  const answers = await Promise.allSettled(Array.from({ length: 20 }, () => find(pool.key.kid)))
  t.ok(answers.every(answer => answer.status === 'rejected' && answer.reason.headers['retry-after'] === '1'))
  t.match(events, [{ type: 'fetch-failed', issuer: pool.issuer, optional: false, keysInHand: false, error: Error }])
  t.equal(events.length, 1, 'one fetch for all')
  t.notOk(keyStore.ready)

  await pool.up()
  await until(() => keyStore.ready)
  t.equal((await find(pool.key.kid)).kid, pool.key.kid)
  t.equal(pool.fetches.length, 1)
})

t.test('KeyStore, cold and before a hanging key server, tells all who wait when it gives up', async t => {
  const { pool, refusal } = await startKeyStore(t)
  pool.answer = () => {}
  const refusals = await Promise.all(Array.from({ length: 20 }, () => refusal(pool.key.kid)))
  t.strictSame([...new Set(refusals)], ['keys_unavailable'])
  t.equal(pool.fetches.length, 1)
})
