import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startPostgres } from '../support/embedded-postgres.ts'
import { bearer, startApp, type TestApp } from '../support/app.ts'
import { until } from '../support/user-pool.ts'

interface Received { status: number, headers: IncomingMessage['headers'], body: string }

/** Sends requests over sockets: the shedder ignores injected requests. */
class Client {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor (t: Test, url: string) {
    this.#port = Number(new URL(url).port)
    t.teardown(() => this.#agent.destroy())
  }

  get (path: string, headers: Record<string, string> = {}): Promise<Received> {
    return new Promise((resolve, reject) => {
      request({ port: this.#port, host: '127.0.0.1', path, headers, agent: this.#agent }, response => {
        let body = ''
        response.setEncoding('utf8').on('data', text => { body += text })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      }).on('error', reject).end()
    })
  }

  /**
   * Opens connections that stay open. The event loop accepts one connection a turn, so it accepts few while
   * it is busy.
   */
  async connect (size: number): Promise<void> {
    await Promise.all(Array.from({ length: size }, () => this.get('/health/live')))
  }

  /** Runs clients that send the next request as soon as they have the response, until `done` returns true. */
  async crowd (size: number, path: string, headers: Record<string, string>, done: (response: Received, sentMs: number) => boolean): Promise<void> {
    await this.connect(size)
    let isDone = false
    await Promise.all(Array.from({ length: size }, async () => {
      while (!isDone) {
        const sentMs = performance.now()
        const response = await this.get(path, headers)
        if (done(response, sentMs)) isDone = true
      }
    }))
  }
}

/** Starts the service on a port, with a route that blocks the event loop for 2 ms. */
async function startBusy (t: Test, changes: Record<string, string> = {}): Promise<TestApp & { client: Client }> {
  const service = await startApp(t, changes, undefined, app => {
    app.get('/busy', async () => {
      for (const end = performance.now() + 2; performance.now() < end;);
      return 'done'
    })
  })
  return { ...service, client: new Client(t, await service.app.listen({ port: 0, host: '127.0.0.1' })) }
}

const shedding = (log: string[]) => log.filter(line => /"msg":"(no longer )?shedding load"/.test(line)).map(line => JSON.parse(line).msg)

t.test('under overload some requests get 503, and the others and health checks get 200', async t => {
  const { log, client } = await startBusy(t, { METRICS_PORT: '0', RATE_LIMIT_MAX: '1000000' })
  let rejection: Received | undefined
  let accepted = 0
  const health: number[] = []
  let quickest = Infinity
  await client.crowd(100, '/busy', { 'x-request-id': 'one-of-many' }, (response, sentMs) => {
    if (response.status === 503) {
      rejection ??= response
      quickest = Math.min(quickest, performance.now() - sentMs)
    } else if (rejection !== undefined) accepted++
    if (accepted === 1) for (const path of ['/health/live', '/health/ready']) client.get(path).then(({ status }) => health.push(status))
    return accepted > 200
  })
  t.match(rejection, {
    headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '1', 'x-request-id': 'one-of-many', ratelimit: undefined },
    body: /^\{.*\}$/
  })
  t.match(JSON.parse(rejection?.body ?? ''), { type: 'urn:problem-type:articles:overloaded', status: 503, code: 'overloaded', requestId: 'one-of-many', detail: /\.$/ })
  t.ok(quickest > 95, `${quickest} ms: a rejection is delayed`)
  await until(() => health.length > 0)
  t.ok(health.every(status => status === 200), health.join())
  t.equal(shedding(log)[0], 'shedding load')
  t.notOk(log.some(line => line.includes('"code":"overloaded"')), 'no log line for each rejection')
  const [, url = ''] = /Metrics served at (http:\S+\/metrics)/.exec(log.join('')) ?? []
  t.match(await (await fetch(url)).text(), /^http_refusals_total\{code="overloaded",reason="none"\} [1-9]/m)

  while (shedding(log).length < 2) {
    t.equal((await client.get('/busy')).status, 200)
    await wait(20)
  }
  t.match(log.find(line => line.includes('no longer')), /"rejected":[1-9]/)
})

t.test('a delayed 503 that is sent while the service stops closes its connection', async t => {
  const { app, client, log } = await startBusy(t)
  const connections = new Set<string | undefined>()
  await client.connect(100)
  // Each client continues until its connection is refused.
  const crowd = Array.from({ length: 100 }, async () => {
    for (;;) {
      const { status, headers } = await client.get('/busy')
      if (status === 503) connections.add(headers.connection)
    }
  })
  // The log line comes before the first 503 is sent, which is delayed.
  await until(() => shedding(log).length > 0)
  await Promise.all([app.close(), Promise.allSettled(crowd)])
  t.ok(connections.has('close'))
})

t.test('32 clients without pauses between their requests are no overload', async t => {
  const { app, pool, log } = await startApp(t)
  const client = new Client(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const statuses = new Set<number>()
  const end = performance.now() + 1_500
  await client.crowd(32, '/articles', bearer(pool.idToken()), ({ status }) => {
    statuses.add(status)
    return performance.now() > end
  })
  t.strictSame([...statuses], [200])
  t.strictSame(shedding(log), [])
})

t.test('requests get 503 while the queue for the connection pool stays long', async t => {
  const server = await startPostgres('-c', 'fsync=off')
  t.teardown(() => server.remove())
  const { app, pool, log } = await startApp(t, { DATABASE_URL: `${server.url}/postgres?pool_max_conns=1` })
  const client = new Client(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const headers = bearer(pool.idToken())
  t.equal((await client.get('/articles', headers)).status, 200)

  const waiting: Promise<Received>[] = []
  await app.db.transaction().execute(async transaction => {
    await transaction.selectFrom('articles').select('id').execute()
    for (let n = 0; n < 70; n++) waiting.push(client.get('/articles', headers))
    while (shedding(log).length === 0) {
      waiting.push(client.get('/articles', headers))
      await wait(10)
    }
    t.match(await client.get('/articles', headers), { status: 503, body: /"code":"overloaded"/ })
    t.equal((await client.get('/health/live')).status, 200)
  })
  await Promise.all(waiting)
  t.equal((await client.get('/articles', headers)).status, 200)
})
