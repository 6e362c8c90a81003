import t from 'tap'
import { startOnWire } from '../support/wire.ts'
import { startApp } from '../support/app.ts'
import { administrator, codes, person } from '../support/people.ts'

const json = { 'content-type': 'application/json' }
const escaped = (count: number) => '\\ud83d\\ude00'.repeat(count)
const claims = { 'cognito:groups': ['admin'] }

// Every route with its limit in bytes.
const routes = [
  ['POST', '/articles', 4096], ['PATCH', '/articles/1', 4096],
  ['POST', '/admin/users', 9216], ['PATCH', '/admin/users/1', 9216],
  ['GET', '/articles', 4096], ['HEAD', '/articles', 4096], ['GET', '/articles/1', 4096], ['DELETE', '/articles/1', 4096],
  ['GET', '/me', 4096], ['POST', '/me/sign-out', 4096],
  ['GET', '/admin/users', 4096], ['DELETE', '/admin/users/1', 4096], ['POST', '/admin/users/1/sign-out', 4096], ['GET', '/admin/audit', 4096]
] as const

t.test('POST and PATCH /articles accept the largest body, with every character escaped and white space around the name', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const body = (length: number) => `{"name":"${escaped(50)}"}`.replace(':"', `:"${' '.repeat(length - 611)}`)
  for (const [method, url, status] of [['POST', '/articles', 201], ['PATCH', '/articles/1', 200]] as const) {
    const response = await alice.request(method, url, { headers: json, payload: body(4096) })
    t.strictSame([response.statusCode, response.json().name], [status, '😀'.repeat(50)])
    t.strictSame(codes(await alice.request(method, url, { headers: json, payload: body(4097) })), [413, 'payload_too_large'])
  }
})

t.test('POST and PATCH /admin/users accept the largest username and e-mail address, with every character escaped', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  const payload = `{"username":"${escaped(128)}","email":"${escaped(64)}@${escaped(189)}"}`
  t.equal((await root.request('POST', '/admin/users', { headers: json, payload })).statusCode, 201)
  t.equal((await root.request('PATCH', '/admin/users/1', { headers: json, payload })).statusCode, 200)
})

t.test('every route rejects a body by its Content-Length with 413, before the body arrives', async t => {
  const { exchange, pool } = await startOnWire(t)
  const token = pool.idToken(claims)
  const announce = (method: string, url: string, length: number, authorization: string) =>
    exchange(`${method} ${url} HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`)
  for (const [method, url, limit] of routes) {
    const { statuses, text } = await announce(method, url, limit + 1, `Authorization: Bearer ${token}\r\n`)
    t.strictSame(statuses, [413], `${method} ${url}`)
    t.match(text, /^connection: close\r$/mi)
  }
})

t.test('every route rejects a request without a token with 401, whatever the size of its body', async t => {
  const { app } = await startApp(t)
  for (const [method, url, limit] of routes) {
    const response = await app.inject({ method, url, headers: json, payload: ' '.repeat(limit + 1) })
    t.equal(response.statusCode, 401, `${method} ${url}`)
  }
})

t.test('every route that reads a body rejects a chunked body with 413 at the limit', async t => {
  const { exchange, pool } = await startOnWire(t)
  const token = pool.idToken(claims)
  for (const [method, url, limit] of routes) {
    if (method === 'GET' || method === 'HEAD') continue
    const chunk = `${(limit + 1).toString(16)}\r\n${' '.repeat(limit + 1)}\r\n`
    const { codes } = await exchange(`${method} ${url} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
    t.strictSame(codes, ['payload_too_large'], `${method} ${url}`)
  }
})

t.test('GET with an unfinished chunked body gets its response, and the connection closes before the body ends', async t => {
  const { exchange, pool } = await startOnWire(t)
  const { statuses, text } = await exchange(`GET /articles HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${pool.idToken()}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n`)
  t.strictSame(statuses, [200])
  t.match(text, /^connection: close\r$/mi)
})

t.test('a request that is rejected by its headers closes the connection where the body is long or chunked', async t => {
  const { exchange } = await startOnWire(t, { POST_CONFIRMATION_SECRET: 'whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0' })
  const requests = [['POST', '/articles', 401], ['POST', '/nowhere', 404], ['PUT', '/articles', 405], ['POST', '/%zz', 400], ['POST', '/cognito/post-confirmation', 401]] as const
  for (const [method, url, status] of requests) {
    for (const body of ['Content-Length: 900000000', 'Transfer-Encoding: chunked']) {
      const { statuses, text } = await exchange(`${method} ${url} HTTP/1.1\r\nHost: a\r\n${body}\r\n\r\n`)
      t.strictSame(statuses, [status], `${method} ${url} ${body}`)
      t.match(text, /^connection: close\r$/mi)
    }
  }
})

t.test('GET with a small body gets its response, and the connection stays open', async t => {
  const { exchange, pool } = await startOnWire(t)
  const get = (connection: string, body: string) => `GET /articles HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${pool.idToken()}\r\nConnection: ${connection}\r\n${body}`
  for (const body of ['Content-Length: 4\r\n\r\nabcd', 'Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n']) {
    t.strictSame((await exchange(get('keep-alive', body) + get('close', body))).statuses, [200, 200])
  }
})

t.test('a body with a Content-Encoding is rejected with 415 and Accept-Encoding (RFC 9110 15.5.16)', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const post = (coding: string) => alice.request('POST', '/articles', { payload: '{"name":"Bread"}', headers: { ...json, 'content-encoding': coding } })
  for (const coding of ['gzip', 'br', 'identity, gzip', 'x']) {
    const response = await post(coding)
    t.strictSame(codes(response), [415, 'unsupported_media_type'], coding)
    t.equal(response.headers['accept-encoding'], 'identity')
  }
  t.equal((await post('Identity')).statusCode, 201)
})

t.test('an HTTP/1.0 request with Transfer-Encoding closes the connection (RFC 9112 6.1)', async t => {
  const { exchange, pool } = await startOnWire(t)
  const { text, statuses } = await exchange(`POST /articles HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nAuthorization: Bearer ${pool.idToken()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"name":"Bread"}\r\n0\r\n\r\n`)
  t.strictSame(statuses, [201])
  t.match(text, /^connection: close\r$/mi)
})
