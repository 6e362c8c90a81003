import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startOnWire, type Wire } from '../support/wire.ts'
import { bearer } from '../support/app.ts'
import { until } from '../support/user-pool.ts'

const departures: Record<string, (socket: Socket) => unknown> = {
  'a reset': socket => socket.resetAndDestroy(),
  'an end': socket => socket.end()
}

interface Line { reqId: string, level: number, msg: string, method: string, route: string, status: number, code?: string }

interface Outcomes extends Wire {
  /** The log lines of requests. */
  lines (): Line[]
  /** All log lines since the start of the service. */
  all (): Line[]
  /** The number of requests in the metrics, by labels. */
  counted (): Promise<Record<string, number>>
}

async function startCounting (t: Test, extend: (app: FastifyInstance) => void = () => {}, changes: Record<string, string> = {}): Promise<Outcomes> {
  const wire = await startOnWire(t, { METRICS_PORT: '0', ...changes }, extend)
  const [, url = ''] = /Metrics served at (http:\S+\/metrics)/.exec(wire.log.join('')) ?? []
  wire.log.length = 0
  const all = () => wire.log.map((line): Line => JSON.parse(line))
  return {
    ...wire,
    all,
    lines: () => all().filter(({ msg }) => msg === 'request'),
    async counted () {
      const text = await (await fetch(url)).text()
      return Object.fromEntries(Array.from(text.matchAll(/^http_request_duration_seconds_count(\{.*\}) (\d+)$/gm), ([, labels = '', count]) => [labels, Number(count)]))
    }
  }
}

/** A route whose response waits for `respond`. */
function slowRoute (): { extend: (app: FastifyInstance) => void, begun: () => number, respond: () => void } {
  const { promise, resolve: respond } = Promise.withResolvers<void>()
  let begun = 0
  return {
    respond,
    begun: () => begun,
    extend: app => {
      app.get('/slow', async () => {
        begun++
        await promise
        return 'late'
      })
    }
  }
}

/** Waits long enough for a second log line or an error to appear. */
async function settle ({ exchange }: Wire): Promise<void> {
  for (let n = 0; n < 3; n++) await exchange('GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
}

for (const [name, leave] of Object.entries(departures)) {
  t.test(`a request whose client leaves with ${name} while the handler works is logged and counted once, as 499`, async t => {
    const slow = slowRoute()
    const service = await startCounting(t, slow.extend)
    const socket = await service.open()
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\nX-Request-Id: left\r\n\r\n')
    await until(() => slow.begun() === 1)
    leave(socket)
    await until(() => service.lines().length > 0)
    slow.respond()
    await settle(service)
    t.match(service.lines().filter(({ route }) => route === '/slow'), [{ reqId: 'left', level: 30, method: 'GET', route: '/slow', status: 499 }])
    t.equal(service.lines().filter(({ reqId }) => reqId === 'left').length, 1)
    t.strictSame(service.all().filter(({ level }) => level > 30), [])
    t.equal((await service.counted())['{method="GET",route="/slow",status="499"}'], 1)
    t.notOk(Object.keys(await service.counted()).some(labels => labels.includes('/slow') && !labels.includes('499')))
  })

  t.test(`a POST whose client leaves with ${name} before the response may create its article, and is logged once`, async t => {
    const service = await startCounting(t)
    const { app, pool, open, lines } = service
    const { authorization } = bearer(pool.idToken())
    await app.inject({ url: '/me', headers: { authorization } })
    const socket = await open()
    const body = '{"name":"Left behind"}'
    socket.write(`POST /articles HTTP/1.1\r\nHost: a\r\nX-Request-Id: left\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    leave(socket)
    await until(() => lines().some(({ reqId }) => reqId === 'left'))
    await settle(service)
    const left = lines().filter(({ reqId }) => reqId === 'left')
    t.equal(left.length, 1)
    // The kernel may have accepted the response before Node learned that the connection is closed.
    t.ok([201, 499].includes(left[0]?.status ?? 0), `${left[0]?.status}`)
    t.strictSame(service.all().filter(({ level }) => level > 30), [])
    t.equal(Object.entries(await service.counted()).filter(([labels]) => labels.includes('POST')).reduce((sum, [, count]) => sum + count, 0), 1)
  })

  t.test(`a request whose body ends with ${name} is logged once, as 499, and is no database error`, async t => {
    const service = await startCounting(t)
    const { pool, open, lines } = service
    const { authorization } = bearer(pool.idToken())
    const socket = await open()
    socket.write(`POST /articles HTTP/1.1\r\nHost: a\r\nX-Request-Id: cut\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"name":`)
    await until(() => service.app.cognito.keySetStatistics().length > 0)
    await settle(service)
    leave(socket)
    await until(() => lines().some(({ reqId }) => reqId === 'cut'))
    await settle(service)
    t.match(lines().filter(({ reqId }) => reqId === 'cut'), [{ level: 30, method: 'POST', route: '/articles', status: 499 }])
    t.equal(lines().filter(({ route }) => route !== '/health/live').length, 1)
    t.strictSame(service.all().filter(({ level }) => level > 30), [])
    t.equal((await service.counted())['{method="POST",route="/articles",status="499"}'], 1)
  })

  t.test(`a request rejected before its body arrived is logged once, also where its client then leaves with ${name}`, async t => {
    const service = await startCounting(t)
    const socket = await service.open()
    socket.write('POST /articles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"name":')
    await once(socket, 'data')
    leave(socket)
    await settle(service)
    t.match(service.lines().filter(({ route }) => route !== '/health/live'), [{ status: 401, route: '/articles' }])
    t.equal((await service.counted())['{method="POST",route="/articles",status="401"}'], 1)
  })

  t.test(`a hijacked reply whose client leaves with ${name} is logged and counted once`, async t => {
    let reply: { raw: { end (text: string): unknown } } | undefined
    const service = await startCounting(t, app => {
      app.get('/hijacked', (_request, hijacked) => {
        hijacked.hijack()
        reply = hijacked
      })
    })
    const socket = await service.open()
    socket.write('GET /hijacked HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => reply !== undefined)
    leave(socket)
    await until(() => service.lines().length > 0)
    reply?.raw.end('late')
    await settle(service)
    t.match(service.lines().filter(({ route }) => route === '/hijacked'), [{ status: 499 }])
    t.equal((await service.counted())['{method="GET",route="/hijacked",status="499"}'], 1)
  })
}

t.test('pipelined requests whose client leaves are logged and counted once each', async t => {
  const slow = slowRoute()
  const service = await startCounting(t, slow.extend)
  const socket = await service.open()
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5))
  await until(() => slow.begun() === 5)
  socket.resetAndDestroy()
  await until(() => service.lines().length >= 5)
  slow.respond()
  await settle(service)
  t.strictSame(service.lines().filter(({ route }) => route === '/slow').map(({ status }) => status), [499, 499, 499, 499, 499])
  t.equal((await service.counted())['{method="GET",route="/slow",status="499"}'], 5)
})

t.test('a client that leaves while it reads a long response is logged once, as 499', async t => {
  const text = 'x'.repeat(30_000_000)
  const service = await startCounting(t, app => { app.get('/long', async () => text) })
  const socket = await service.open()
  socket.write('GET /long HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  socket.resetAndDestroy()
  await until(() => service.lines().length > 0)
  await settle(service)
  t.match(service.lines().filter(({ route }) => route === '/long'), [{ status: 499 }])
  t.equal((await service.counted())['{method="GET",route="/long",status="499"}'], 1)
})

t.test('a body with invalid chunks is one log line of its route, with the id of the response', async t => {
  const service = await startCounting(t)
  const { authorization } = bearer(service.pool.idToken())
  const { text, statuses } = await service.exchange(`POST /articles HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n`)
  t.strictSame(statuses, [400])
  const [, id] = /^X-Request-Id: (.*)\r$/m.exec(text) ?? []
  await until(() => service.lines().length > 0)
  await settle(service)
  t.match(service.lines().filter(({ route }) => route !== '/health/live'), [{ reqId: id, method: 'POST', route: '/articles', status: 400, code: 'validation_failed' }])
  t.equal((await service.counted())['{method="POST",route="/articles",status="400"}'], 1)
})

t.test('an injected request is logged and counted once', async t => {
  const service = await startCounting(t)
  await service.app.inject('/openapi.json')
  await settle(service)
  t.match(service.lines(), [{ route: '/openapi.json', status: 200 }])
  t.equal((await service.counted())['{method="GET",route="/openapi.json",status="200"}'], 1)
})
