import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Disruptions, type SentRequest } from '../../bench/soak/disruptions.ts'
import { Client } from '../../bench/soak/client.ts'
import { compare } from '../../bench/soak/comparison.ts'
import { measureTrend } from '../../bench/soak/memory.ts'
import { Traffic } from '../../bench/soak/traffic.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { run } from '../support/service-process.ts'

/** Disruptions with a clock that the test sets. `excuses` lists the outcomes that are excused now. */
function startDisruptions () {
  const clock = { seconds: 0 }
  const disruptions = new Disruptions(20, () => clock.seconds * 1000)
  const excuses = (sent: Partial<SentRequest> = {}) => {
    const request = { replica: 'one', sentAt: clock.seconds * 1000, needsDatabase: true, isReadiness: false, ...sent }
    return [...disruptions.excuses(request)].sort()
  }
  return { clock, disruptions, excuses }
}

/** Traffic to a server with one request listener. */
async function trafficTo (t: Test, listener: RequestListener, document: unknown = { paths: {}, components: { schemas: {} } }) {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port }: AddressInfo = Object(server.address())
  return traffic(t, `http://127.0.0.1:${port}`, document)
}

function traffic (t: Test, url: string, document: unknown): Traffic {
  const made = new Traffic({ replicas: [{ name: 'one', url }], disruptions: new Disruptions(20), document: Object(document), connections: 4 })
  t.teardown(() => made.close())
  return made
}

t.test('npm run soak runs its events and ends at Ctrl-C with a report without failures', async t => {
  const { child, exited, output } = run(t, 'bench/soak.ts', {}, { args: ['--event-every', '2', '--rate', '40', '--clients', '6'], covered: false })
  // The events before: a new key, a failing key server and a graceful restart.
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

t.test('Traffic reports an unexpected response as a failure, with its request id', async t => {
  const soak = await trafficTo(t, (request, response) => {
    const [status, code] = request.url === '/broken' ? [500, 'internal_error'] : [503, 'storage_unavailable']
    response.writeHead(status, { 'content-type': 'application/problem+json', 'x-request-id': 'id-1' }).end(JSON.stringify({ code }))
  })
  t.equal(await soak.send({ path: '/broken', expected: ['200'] }), undefined)
  t.equal(await soak.send({ path: '/articles', expected: ['200'] }), undefined)
  t.equal(soak.failures, 2)
  t.match(soak.shownFailures.map(({ text }) => text), [/GET \/broken at one: 500 internal_error, expected 200 \(request id-1\)/, /503 storage_unavailable/])
  t.match(soak.counts.get('500 internal_error'), { expected: 0, excused: 0, failed: 1 })
})

t.test('Traffic reports a lost connection as a failure', async t => {
  const soak = await trafficTo(t, request => { request.socket.destroy() })
  await soak.send({ path: '/', expected: ['200'] })
  t.match(soak.counts.get('connection lost'), { excused: 0, failed: 1 })
})

t.test('Traffic reports an undocumented response as a failure', async t => {
  const soak = await trafficTo(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  t.equal(await soak.send({ path: '/undocumented', expected: ['200'] }), undefined)
  t.match(soak.shownFailures, [{ text: /GET \/undocumented 200 is not documented/ }])
})

t.test('Client reports a response that differs from the acknowledged one, and compare reports a difference in the database', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  let isLying = false
  const { app } = await startApp(t, { DATABASE_URL, POST_CONFIRMATION_SECRET: `whsec_${'c29h'.repeat(8)}` }, pool, app => {
    app.addHook('onSend', async (request, _reply, payload) => {
      return isLying && request.method === 'GET' && Buffer.isBuffer(payload) ? String(payload).replaceAll('"name":"c-', '"name":"d-') : payload
    })
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const soak = traffic(t, url, await (await fetch(`${url}/openapi.json`)).json())
  const client = new Client({ name: 'c', traffic: soak, pool, disruptions: new Disruptions(20), webhookSecret: `whsec_${'c29h'.repeat(8)}`, intervalMs: 0 })
  const running = client.run()
  while (client.articles.size < 10) await wait(20)
  t.strictSame(soak.shownFailures, [])
  isLying = true
  while (soak.failures === 0) await wait(20)
  t.match(soak.shownFailures[0]?.text, /does not match|the search finds a wrong article/)
  client.stop()
  await running

  t.match(await compare(DATABASE_URL, [client]), { found: client.articles.size, wrong: [] })
  const [article] = client.articles.values()
  if (article !== undefined) article.name = 'Something else'
  t.match(await compare(DATABASE_URL, [client]), { wrong: [/the database has \{.*"name":"c-/] })
  client.articles.delete(article?.id ?? 0)
  t.match(await compare(DATABASE_URL, [client]), { wrong: [/which was deleted or created twice/] })
})

t.test('Disruptions excuses nothing without a disruption', async t => {
  const { clock, disruptions, excuses } = startDisruptions()
  disruptions.publish('key')
  clock.seconds = 100
  t.strictSame(excuses({ kid: 'key' }), [])
  t.strictSame(excuses({ kid: 'never published' }), ['401 invalid_auth_token'])
  t.strictSame(excuses({ isReadiness: true }), [])
})

t.test('Disruptions excuses 503 for a new key during an outage of the key server', async t => {
  const { clock, disruptions, excuses } = startDisruptions()
  disruptions.publish('old')
  clock.seconds = 100
  const end = disruptions.begin('key server out')
  disruptions.publish('new')
  clock.seconds = 110
  t.strictSame(excuses({ kid: 'old' }), [])
  t.strictSame(excuses({ kid: 'new' }), ['401 invalid_auth_token', '503 identity_provider_unavailable'])
  t.strictSame(excuses(), [], 'a forged token is rejected all the same')
  t.equal(disruptions.isAccepted('old'), true)
  t.equal(disruptions.isAccepted('new'), false)
  end()
  clock.seconds = 140
  t.strictSame(excuses({ kid: 'new' }), [])
  t.equal(disruptions.isAccepted('new'), true)
})

t.test('Disruptions excuses a removed key until the refresh must have noticed', async t => {
  const { clock, disruptions, excuses } = startDisruptions()
  disruptions.publish('key')
  clock.seconds = 100
  disruptions.withdraw('key')
  t.strictSame([disruptions.isAccepted('key'), disruptions.isRevoked('key')], [false, false])
  t.strictSame(excuses({ kid: 'key' }), ['401 invalid_auth_token'])
  clock.seconds = 129
  t.equal(disruptions.isRevoked('key'), true)
})

t.test('Disruptions excuses lost connections during a restart, and 503 during a restart of the database', async t => {
  const { clock, disruptions, excuses } = startDisruptions()
  const ends = [disruptions.begin('restart of one'), disruptions.begin('database restart')]
  t.strictSame(excuses(), ['503 storage_unavailable', 'connection lost'])
  t.strictSame(excuses({ replica: 'other', needsDatabase: false }), [])
  clock.seconds = 5
  for (const end of ends) end()
  clock.seconds = 7
  t.strictSame(excuses(), ['503 storage_unavailable'])
  clock.seconds = 11
  t.strictSame(excuses(), [])
})

t.test('measureTrend tells growing memory from flat memory', async t => {
  const samples = (grow: (minute: number) => number) => Array.from({ length: 1200 }, (_, second) => ({ atSeconds: second, usedMb: 150 + grow(second / 60) + second % 3 }))
  const judged = (grow: (minute: number) => number) => {
    const { earlyMb, lateMb, growthMb, growthMbPerHour } = measureTrend(samples(grow))
    return [earlyMb, lateMb, growthMb, growthMbPerHour].map(Math.round)
  }
  t.strictSame(judged(minute => Math.min(minute, 8)), [153, 159, 0, 0], 'caches fill in the first half')
  t.strictSame(judged(minute => 3 * minute), [157, 211, 30, 180])
})
