import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Circumstances, type Asked } from '../../bench/soak/circumstances.ts'
import { Client } from '../../bench/soak/client.ts'
import { compare } from '../../bench/soak/comparison.ts'
import { judgeMemory } from '../../bench/soak/memory.ts'
import { Traffic } from '../../bench/soak/traffic.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { run } from '../support/service-process.ts'

/** A diary with a clock that is set by hand, in seconds, and what it excuses then. */
function diary () {
  const clock = { seconds: 0 }
  const circumstances = new Circumstances(20, () => clock.seconds * 1000)
  const excuses = (asked: Partial<Asked> = {}) => [...circumstances.excuses({ replica: 'one', since: clock.seconds * 1000, storage: true, readiness: false, ...asked })].sort()
  return { clock, circumstances, excuses }
}

/** Traffic to a server of the test's own. */
async function trafficTo (t: Test, listener: RequestListener, document: unknown = { paths: {}, components: { schemas: {} } }) {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port }: AddressInfo = Object(server.address())
  return traffic(t, `http://127.0.0.1:${port}`, document)
}

function traffic (t: Test, url: string, document: unknown): Traffic {
  const made = new Traffic({ replicas: [{ name: 'one', url }], circumstances: new Circumstances(20), document: Object(document), connections: 4 })
  t.teardown(() => made.close())
  return made
}

t.test('npm run soak runs its events and reports no failure at Ctrl-C', async t => {
  const { child, exited, output } = run(t, 'bench/soak.ts', {}, { args: ['--event-every', '2', '--rate', '40', '--clients', '6'], covered: false })
  // By then a key has been rotated, the key server was out, and a replica was restarted.
  while (!output.stdout.includes('the oldest key is withdrawn') && child.exitCode === null) await wait(50)
  child.kill('SIGINT')
  t.equal(await exited, 0, output.stdout + output.stderr)
  t.match(output.stdout, /a new key\n[^]*the key server fails\n[^]*a graceful restart\n[^]*\n\d+ requests in \d+ s/)
  t.match(output.stdout, /\n201 +[1-9]\d* +0 +0\n/)
  t.match(output.stdout, /\n401 \w+ +[1-9]/)
  t.match(output.stdout, /\nrestarted: 1 restarts; key fetches: [1-9]/)
  t.match(output.stdout, /\nmemory of steady, \d:\d\d: \d+ MB/)
  t.match(output.stdout, /in the database: ([1-9]\d*) of \1 articles as they were acknowledged/)
  t.match(output.stdout, /interrupted after \d+ s\n0 failures\n$/)
})

t.test('the soak reports an unexpected response with its request id', async t => {
  const soaking = await trafficTo(t, (request, response) => {
    const [status, code] = request.url === '/broken' ? [500, 'internal_error'] : [503, 'storage_unavailable']
    response.writeHead(status, { 'content-type': 'application/problem+json', 'x-request-id': 'id-1' }).end(JSON.stringify({ code }))
  })
  t.equal(await soaking.ask({ path: '/broken', due: ['200'] }), undefined)
  t.equal(await soaking.ask({ path: '/articles', due: ['200'] }), undefined)
  t.equal(soaking.failures, 2)
  t.match(soaking.shown.map(({ text }) => text), [/GET \/broken at one: 500 internal_error, and 200 was due \(request id-1\)/, /503 storage_unavailable/])
  t.match(soaking.counts.get('500 internal_error'), { due: 0, excused: 0, failed: 1 })
})

t.test('the soak reports a lost connection, except to a replica during its restart', async t => {
  const soaking = await trafficTo(t, request => { request.socket.destroy() })
  await soaking.ask({ path: '/', due: ['200'] })
  t.match(soaking.counts.get('connection lost'), { excused: 0, failed: 1 })
})

t.test('the soak reports an expected response that the OpenAPI document does not describe', async t => {
  const soaking = await trafficTo(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  t.equal(await soaking.ask({ path: '/undocumented', due: ['200'] }), undefined)
  t.match(soaking.shown, [{ text: /GET \/undocumented 200 is not documented/ }])
})

t.test('the soak reports responses and rows that differ from acknowledged writes', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  let lie = false
  const { app } = await startApp(t, { DATABASE_URL, POST_CONFIRMATION_SECRET: `whsec_${'c29h'.repeat(8)}` }, pool, app => {
    app.addHook('onSend', async (request, _reply, payload) => {
      return lie && request.method === 'GET' && Buffer.isBuffer(payload) ? String(payload).replaceAll('"name":"c-', '"name":"d-') : payload
    })
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const soaking = traffic(t, url, await (await fetch(`${url}/openapi.json`)).json())
  const client = new Client({ name: 'c', traffic: soaking, pool, circumstances: new Circumstances(20), webhookSecret: `whsec_${'c29h'.repeat(8)}`, pace: 0 })
  const running = client.run()
  while (client.articles.size < 10) await wait(20)
  t.strictSame(soaking.shown, [])
  lie = true
  while (soaking.failures === 0) await wait(20)
  t.match(soaking.shown[0]?.text, /is not as it was acknowledged|the search finds what is not so/)
  client.stop()
  await running

  t.match(await compare(DATABASE_URL, [client]), { found: client.articles.size, wrong: [] })
  const [article] = client.articles.values()
  if (article !== undefined) article.name = 'Something else'
  t.match(await compare(DATABASE_URL, [client]), { wrong: [/the database has \{.*"name":"c-/] })
  client.articles.delete(article?.id ?? 0)
  t.match(await compare(DATABASE_URL, [client]), { wrong: [/which was deleted, or made twice/] })
})

t.test('the soak excuses no failure without an event', async t => {
  const { clock, circumstances, excuses } = diary()
  circumstances.publish('key')
  clock.seconds = 100
  t.strictSame(excuses({ kid: 'key' }), [])
  t.strictSame(excuses({ kid: 'never published' }), ['401 invalid_auth_token'])
  t.strictSame(excuses({ readiness: true }), [])
})

t.test('the soak excuses a 503 for unseen keys only, while keys cannot be fetched', async t => {
  const { clock, circumstances, excuses } = diary()
  circumstances.publish('old')
  clock.seconds = 100
  const end = circumstances.begin('key server out')
  circumstances.publish('new')
  clock.seconds = 110
  t.strictSame(excuses({ kid: 'old' }), [])
  t.strictSame(excuses({ kid: 'new' }), ['401 invalid_auth_token', '503 identity_provider_unavailable'])
  t.strictSame(excuses(), [], 'a forged token is refused all the same')
  t.equal(circumstances.isKnown('old'), true)
  t.equal(circumstances.isKnown('new'), false)
  end()
  clock.seconds = 140
  t.strictSame(excuses({ kid: 'new' }), [])
  t.equal(circumstances.isKnown('new'), true)
})

t.test('the soak allows a removed key until its deadline', async t => {
  const { clock, circumstances, excuses } = diary()
  circumstances.publish('key')
  clock.seconds = 100
  circumstances.withdraw('key')
  t.strictSame([circumstances.isKnown('key'), circumstances.isGone('key')], [false, false])
  t.strictSame(excuses({ kid: 'key' }), ['401 invalid_auth_token'])
  clock.seconds = 129
  t.equal(circumstances.isGone('key'), true)
})

t.test('the soak excuses lost connections during a restart, and a 503 during a restart of the database', async t => {
  const { clock, circumstances, excuses } = diary()
  const ends = [circumstances.begin('restart of one'), circumstances.begin('database restart')]
  t.strictSame(excuses(), ['503 storage_unavailable', 'connection lost'])
  t.strictSame(excuses({ replica: 'other', storage: false }), [])
  clock.seconds = 5
  for (const end of ends) end()
  clock.seconds = 7
  t.strictSame(excuses(), ['503 storage_unavailable'])
  clock.seconds = 11
  t.strictSame(excuses(), [])
})

t.test('the soak distinguishes growing from constant memory', async t => {
  const samples = (grow: (minute: number) => number) => Array.from({ length: 1200 }, (_, second) => ({ at: second, held: 150 + grow(second / 60) + second % 3 }))
  const judged = (grow: (minute: number) => number) => {
    const { begin, end, growth, slope } = judgeMemory(samples(grow))
    return [begin, end, growth, slope].map(Math.round)
  }
  t.strictSame(judged(minute => Math.min(minute, 8)), [153, 159, 0, 0], 'caches that fill up')
  t.strictSame(judged(minute => 3 * minute), [157, 211, 30, 180])
})
