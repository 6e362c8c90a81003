import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { bearer, startApp } from '../support/app.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('a well-formed X-Request-Id is the id of the request in the response, the problem and the log line', async t => {
  const { app, log, pool } = await startApp(t, { CORS_ORIGINS: 'https://app.example.com' })
  for (const id of ['a', 'A_b:c-9', '9b2f3c1e-6a55-4a3c-8f0e-0d9c8f3e2b11', 'x'.repeat(64)]) {
    log.length = 0
    const rejected = await app.inject({ url: '/articles', headers: { 'x-request-id': id } })
    t.equal(rejected.headers['x-request-id'], id)
    t.equal(rejected.json().requestId, id)
    t.match(log.map(line => JSON.parse(line).reqId), [id])
  }
  for (const url of ['/me', '/nowhere', '/articles/%', '/health/live']) {
    t.equal((await app.inject({ url, headers: { ...bearer(pool.idToken()), 'x-request-id': 'one' } })).headers['x-request-id'], 'one', url)
  }
  const response = await app.inject({ url: '/me', headers: { origin: 'https://app.example.com' } })
  t.match(response.headers, { 'x-request-id': uuid, 'access-control-expose-headers': /X-Request-Id/ })
})

t.test('a malformed X-Request-Id is replaced by a new id', async t => {
  const { app, log, pool } = await startApp(t)
  log.length = 0
  const ids = ['', ' ', 'x'.repeat(65), 'a b', 'a,b', 'a, a', 'a.b.c', 'a"b', 'a\\b', 'a\tb', '{"a":1}', '../../etc', pool.idToken()]
  for (const id of ids) {
    const response = await app.inject({ url: '/articles', headers: { 'x-request-id': id } })
    t.match(response.headers['x-request-id'], uuid, JSON.stringify(id))
  }
  t.equal(log.length, ids.length)
  t.ok(log.every(line => uuid.test(JSON.parse(line).reqId)))
})

t.test('two X-Request-Id headers, or bytes that no header may have, get a new id and one log line', async t => {
  const { app, log } = await startApp(t, { LOG_LEVEL: 'debug' })
  const { hostname, port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  for (const lines of ['X-Request-Id: one\r\nX-Request-Id: two', 'X-Request-Id: one\r\nx-request-id: one', 'X-Request-Id: a\x85"msg":"forged"', 'X-Request-Id: a\x00b', 'X-Request-Id: a\n{"forged":true}']) {
    log.length = 0
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', chunk => { text += chunk }).end(Buffer.from(`GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n\r\n`, 'latin1'))
    await once(socket, 'close')
    const [, id = ''] = /^x-request-id: (.*)\r$/mi.exec(text) ?? []
    t.match(id, uuid, JSON.stringify(lines))
    const parsed = log.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'request')
    t.equal(parsed.length, 1)
    t.match(parsed, [{ reqId: id }])
    t.notMatch(log.join(''), 'forged')
  }
})

t.test('a well-formed traceparent is in the log line of its request', async t => {
  const { app, log } = await startApp(t)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const parentId = 'b7ad6b7169203331'
  log.length = 0
  await app.inject({ url: '/openapi.json', headers: { traceparent: `00-${traceId}-${parentId}-01` } })
  await app.inject({ url: '/openapi.json', headers: { traceparent: `00-${traceId}-${parentId}-01, "forged"` } })
  await app.inject('/openapi.json')
  const lines = log.map(line => JSON.parse(line))
  t.match(lines[0], { traceId, parentId })
  t.notOk('spanId' in lines[0])
  for (const line of lines.slice(1)) t.notOk('traceId' in line || 'parentId' in line)
  t.notMatch(log.join(''), 'forged')
})
