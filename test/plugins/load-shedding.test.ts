import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startPostgres } from '../support/embedded-postgres.ts'
import { bearer, startApp, type TestApp } from '../support/app.ts'
import { until } from '../support/user-pool.ts'

interface Answer { status: number, headers: IncomingMessage['headers'], body: string }

/** Sends requests over sockets, as they come from a network. */
class Client {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor (t: Test, url: string) {
    this.#port = Number(new URL(url).port)
    t.teardown(() => this.#agent.destroy())
  }

  get (path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      request({ port: this.#port, host: '127.0.0.1', path, headers, agent: this.#agent }, response => {
        let body = ''
        response.setEncoding('utf8').on('data', text => { body += text })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      }).on('error', reject).end()
    })
  }

  /** Opens so many connections, which are kept. The event loop accepts one a turn, and so none while it is busy. */
  async connect (size: number): Promise<void> {
    await Promise.all(Array.from({ length: size }, () => this.get('/health/live')))
  }

  /** So many clients, each of which asks again as soon as it has been answered, until there is no more need. */
  async crowd (size: number, path: string, headers: Record<string, string>, done: (answer: Answer, asked: number) => boolean): Promise<void> {
    await this.connect(size)
    let isDone = false
    await Promise.all(Array.from({ length: size }, async () => {
      while (!isDone) {
        const asked = performance.now()
        const answer = await this.get(path, headers)
        if (done(answer, asked)) isDone = true
      }
    }))
  }
}

/** The service, listening, with a route that is nothing but work. */
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

t.test('under overload some requests are refused, others and health are answered', async t => {
  const { log, client } = await startBusy(t, { METRICS_PORT: '0', RATE_LIMIT_MAX: '1000000' })
  let refusal: Answer | undefined
  let taken = 0
  const health: number[] = []
  let quickest = Infinity
  await client.crowd(100, '/busy', { 'x-request-id': 'one-of-many' }, (answer, asked) => {
    if (answer.status === 503) {
      refusal ??= answer
      quickest = Math.min(quickest, performance.now() - asked)
    } else if (refusal !== undefined) taken++
    if (taken === 1) for (const path of ['/health/live', '/health/ready']) client.get(path).then(({ status }) => health.push(status))
    return taken > 200
  })
  t.match(refusal, {
    headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '1', 'x-request-id': 'one-of-many', ratelimit: undefined },
    body: /^\{.*\}$/
  })
  t.match(JSON.parse(refusal?.body ?? ''), { type: 'urn:problem-type:articles:overloaded', status: 503, code: 'overloaded', requestId: 'one-of-many', detail: /\.$/ })
  t.ok(quickest > 95, `${quickest} ms: who asks again at once is held up, so that there is time for others`)
  await until(() => health.length > 0)
  t.ok(health.every(status => status === 200), health.join())
  t.equal(shedding(log)[0], 'shedding load')
  t.notOk(log.some(line => line.includes('"code":"overloaded"')), 'no line each')
  const [, url = ''] = /Metrics served at (http:\S+\/metrics)/.exec(log.join('')) ?? []
  t.match(await (await fetch(url)).text(), /^http_refusals_total\{code="overloaded",reason="none"\} [1-9]/m)

  while (shedding(log).length < 2) {
    t.equal((await client.get('/busy')).status, 200)
    await wait(20)
  }
  t.match(log.find(line => line.includes('no longer')), /"refused":[1-9]/)
})

t.test('a refusal that is on its way when the service stops ends its connection', async t => {
  const { app, client, log } = await startBusy(t)
  const connections = new Set<string | undefined>()
  await client.connect(100)
  // Each goes on until it finds nobody there.
  const crowd = Array.from({ length: 100 }, async () => {
    for (;;) {
      const { status, headers } = await client.get('/busy')
      if (status === 503) connections.add(headers.connection)
    }
  })
  // Said as the first are refused, which is before they are told.
  await until(() => shedding(log).length > 0)
  await Promise.all([app.close(), Promise.allSettled(crowd)])
  t.ok(connections.has('close'))
})

t.test('32 clients that ask without a pause are no overload', async t => {
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

t.test('requests that wait for a connection of the pool are refused once all do for long', async t => {
  const server = await startPostgres('-c', 'fsync=off')
  t.teardown(() => server.remove())
  const { app, pool, log } = await startApp(t, { DATABASE_URL: `${server.url}/postgres?pool_max_conns=1` })
  const client = new Client(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const headers = bearer(pool.idToken())
  t.equal((await client.get('/articles', headers)).status, 200)

  const waiting: Promise<Answer>[] = []
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
