import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { Ajv } from 'ajv'
import buildSerializer from 'fast-json-stringify'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { compileValidator } from '../src/http/validator.ts'
import { startApp } from './support/app.ts'

/** A service that listens, and a way to open connections on which everything is written by hand. */
async function startListening (t: Test, extend?: (app: FastifyInstance) => void) {
  const { app } = await startApp(t, {}, undefined, extend)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { app, open }
}

/** All that the service answers until it closes the connection. */
async function answer (socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(chunks).toString()
}

/** All that comes until the connection is closed, be it by a reset. */
async function received (socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('error', () => {}).on('data', chunk => chunks.push(chunk))
  await new Promise(resolve => socket.once('close', resolve))
  return Buffer.concat(chunks).toString()
}

t.test('the schemas of the routes are valid, and can be compiled', async t => {
  const { routes } = await startApp(t)
  const ajv = new Ajv()
  for (const { method, url, schema = {} } of routes) {
    for (const part of ['body', 'querystring', 'params', 'headers'] as const) {
      const value = schema[part]
      if (value === undefined) continue
      t.ok(ajv.validateSchema(Object(value)), `${method} ${url}: ${part} ${ajv.errorsText()}`)
      t.doesNotThrow(() => compileValidator({ schema: Object(value), httpPart: part, method, url })({}))
    }
    for (const [status, { content = {} }] of Object.entries<{ content?: Record<string, { schema: object }> }>(Object(schema.response))) {
      for (const { schema } of Object.values(content)) t.type(buildSerializer(schema), 'function', `${method} ${url}: ${status}`)
    }
  }
})

t.test('what is not HTTP is answered with a problem, and the connection closed', async t => {
  const { open } = await startListening(t)
  const send = async (text: string) => {
    const socket = await open()
    socket.write(text)
    return answer(socket)
  }

  const garbage = await send('\x16\x03\x01 hello\r\n\r\n')
  t.match(garbage, /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"validation_failed"/)
  const oversized = await send(`GET /articles HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`)
  t.match(oversized, /^HTTP\/1\.1 431 [\s\S]*application\/problem\+json[\s\S]*"code":"headers_too_large"/)
  const extensions = await send(`POST /articles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n{\r\n0\r\n\r\n`)
  t.match(extensions, '"code":"payload_too_large"')

  const [, head = '', body = ''] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(garbage) ?? []
  t.match(head, `Content-Length: ${Buffer.byteLength(body)}`)
  t.match(JSON.parse(body), { status: 400, requestId: /^[0-9a-f-]{36}$/ })
})

t.test('who sends far too much and reads late still reads why', async t => {
  const { open } = await startListening(t)
  const socket = await open()
  socket.on('error', () => {}).write(`GET /articles HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2 ** 20)}\r\n\r\n`)
  await wait(300)
  t.match(await received(socket), /^HTTP\/1.1 431 [^]*headers_too_large/)
})

t.test('nothing is written into an answer that has begun', async t => {
  const body = new Readable({ read () {} })
  const { open } = await startListening(t, app => {
    app.get('/slow', async (_request, reply) => reply.header('content-length', 300).send(body))
  })
  const socket = await open()
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  body.push('x'.repeat(100))
  const [begun] = await once(socket, 'data')
  t.match(String(begun), /^HTTP\/1.1 200 /)
  socket.write('no length\r\n')
  t.notMatch(await received(socket), /HTTP/)
})

t.test('a request with an unknown Expect header takes the same way as one without', async t => {
  const { app, log } = await startApp(t, { RATE_LIMIT_MAX: '2' })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  for (const status of [401, 401, 429]) {
    log.length = 0
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    t.teardown(() => socket.destroy())
    socket.write('GET /articles HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n')
    t.match(await answer(socket), new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json`))
    t.match(log.map(line => JSON.parse(line)), [{ msg: 'request', route: '/articles', status }])
  }
})

t.test('a request that does not arrive in time is a 408', async t => {
  const { app, open } = await startListening(t)
  const connected = once(app.server, 'connection')
  const socket = await open()
  const [serverSide] = await connected
  // Node looks for such requests every 30 s; the test does not wait for it.
  app.server.emit('clientError', Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), serverSide)
  t.match(await answer(socket), /^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/)
})

t.test('a client that is gone is not answered', async t => {
  const { app } = await startListening(t)
  const gone = new Socket()
  app.server.emit('clientError', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), gone)
  t.ok(gone.destroyed)
})
