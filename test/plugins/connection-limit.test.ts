import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { app } from '../../src/app.ts'
import { serverOptions } from '../../src/http/server-options.ts'
import { readConfig } from '../../src/config.ts'
import { bearer, environment, startPool } from '../support/app.ts'
import { until, type UserPool } from '../support/user-pool.ts'

interface Listening { app: FastifyInstance, pool: UserPool, port: number, log: string[] }

/** Starts the service on a port, with short timeouts. */
async function listen (t: Test, { headersTimeout = 0, requestTimeout = 0, connectionTimeout = 0 }): Promise<Listening> {
  const pool = await startPool(t)
  const config = readConfig(environment(pool))
  const log: string[] = []
  const short = { http: { headersTimeout, connectionsCheckingInterval: 50 }, requestTimeout, connectionTimeout }
  const server = Fastify({ ...serverOptions(config), ...short, logger: { level: 'info', stream: { write: line => { log.push(line) } } } })
  t.teardown(() => server.close())
  await server.register(app, config)
  const { port } = new URL(await server.listen({ port: 0, host: '127.0.0.1' }))
  return { app: server, pool, port: Number(port), log }
}

interface Connection { socket: Socket, received: () => string, closed: Promise<unknown> }

async function open (t: Test, port: number): Promise<Connection> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', chunk => { text += chunk }).on('error', () => {})
  const closed = once(socket, 'close')
  await Promise.race([once(socket, 'connect'), closed])
  return { socket, received: () => text, closed }
}

function isLate (t: Test, received: string): void {
  t.match(received, /^HTTP\/1\.1 408 [\s\S]*\r\nContent-Type: application\/problem\+json[\s\S]*"code":"request_timeout"/)
}

t.test('a request whose headers do not arrive in time gets 408', async t => {
  const { port } = await listen(t, { headersTimeout: 300, requestTimeout: 60_000 })
  const { socket, received, closed } = await open(t, port)
  socket.write('GET /articles HTTP/1.1\r\nhost: articles\r\nx-slow: ')
  const drip = setInterval(() => socket.write('x'), 50)
  t.teardown(() => clearInterval(drip))
  await closed
  isLate(t, received())
})

t.test('a client that keeps sending after its 408 loses the connection', async t => {
  const { app, port } = await listen(t, { headersTimeout: 300, requestTimeout: 60_000 })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).resume()
  socket.write('GET /articles HTTP/1.1\r\n')
  const drip = setInterval(() => socket.write('x: y\r\n'), 50)
  t.teardown(() => clearInterval(drip))
  await once(socket, 'connect')
  await until(async () => (await app.connectionStatistics()).open === 1, 60)
  await until(async () => (await app.connectionStatistics()).open === 0, 60)
})

t.test('a request whose body does not arrive in time gets 408', async t => {
  const { port, pool } = await listen(t, { requestTimeout: 300 })
  const { socket, received, closed } = await open(t, port)
  socket.write(`POST /articles HTTP/1.1\r\nhost: articles\r\nauthorization: ${bearer(pool.idToken()).authorization}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`)
  const drip = setInterval(() => socket.write(' '), 50)
  t.teardown(() => clearInterval(drip))
  await closed
  isLate(t, received())
})

t.test('a client that reads no responses loses the connection', async t => {
  const { app, port } = await listen(t, { connectionTimeout: 500 })
  const { socket, closed } = await open(t, port)
  socket.pause()
  const requests = 'GET /openapi.json HTTP/1.1\r\nhost: articles\r\n\r\n'.repeat(120)
  socket.write(requests)
  await until(async () => (await app.connectionStatistics()).open === 0, 60)
  socket.resume()
  await closed
})

t.test('500 connections with unfinished requests do not block other requests, and get 408', async t => {
  const { app, port } = await listen(t, { headersTimeout: 1_000, requestTimeout: 60_000 })
  const slow = await Promise.all(Array.from({ length: 500 }, () => open(t, port)))
  for (const { socket } of slow) socket.write('GET / HTTP/1.1\r\nhost: articles\r\nx-a: b\r\n')
  const drip = setInterval(() => slow.forEach(({ socket }) => socket.write('x-a: b\r\n')), 200)
  t.teardown(() => clearInterval(drip))
  for (let n = 0; n < 10; n++) t.match(await (await fetch(`http://127.0.0.1:${port}/health/live`)).json(), { status: 'ok' })
  await Promise.all(slow.map(({ closed }) => closed))
  for (const { received } of slow.slice(0, 5)) isLate(t, received())
  // `fetch` keeps its connections open.
  await until(async () => (await app.connectionStatistics()).open <= 10, 60)
})

t.test('at the limit new connections are dropped, idle ones are closed, and the others are served', async t => {
  const { app, port, log } = await listen(t, {})
  app.server.maxConnections = 3
  const [idle, silent, busy] = [await open(t, port), await open(t, port), await open(t, port)]
  idle.socket.write('GET /health/live HTTP/1.1\r\nhost: articles\r\n\r\n')
  await until(() => idle.received().includes('"ok"'))
  busy.socket.write('GET /health/live HTTP/1.1\r\nhost: articles\r\nx-slow: ')
  await until(async () => (await app.connectionStatistics()).open === 3)

  await (await open(t, port)).closed
  await idle.closed
  await until(async () => (await app.connectionStatistics()).open === 2)
  await open(t, port)
  await until(async () => (await app.connectionStatistics()).open === 3)
  for (let n = 0; n < 3; n++) await (await open(t, port)).closed
  t.equal((await app.connectionStatistics()).dropped, 4)
  const lines = log.filter(line => line.includes('connections dropped'))
  t.equal(lines.length, 1, 'one log line for all of them')
  t.match(JSON.parse(lines[0] ?? ''), { dropped: 1, maxConnections: 3 })

  busy.socket.write('x\r\n\r\n')
  await until(() => busy.received().includes('"ok"'))
  silent.socket.destroy()
  while (!await fetch(`http://127.0.0.1:${port}/health/live`).then(({ ok }) => ok, () => false)) await wait(20)
})
