import { gzipSync } from 'node:zlib'
import t from 'tap'
import { bearer, startApp } from '../support/app.ts'
import { administrator, codes, person } from '../support/people.ts'
import { startOnWire, stored, watchHandlers } from '../support/wire.ts'

const json = { 'content-type': 'application/json' }
const deep = (levels: number) => '{"name":'.repeat(levels) + '1' + '}'.repeat(levels)

t.test('no part of a request pollutes a prototype', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const root = administrator(app, pool)
  for (const payload of [
    '{"name":"a","__proto__":{"admin":true}}',
    '{"__proto__":{"name":"a"}}',
    '{"name":"a","\\u005f_proto__":{"admin":true}}',
    '{"name":"a","constructor":{"prototype":{"admin":true}}}',
    '{"name":{"__proto__":{"admin":true}}}'
  ]) t.strictSame(codes(await alice.request('POST', '/articles', { headers: json, payload })), [400, 'malformed_json'], payload)
  for (const payload of ['{"name":"a","constructor":"x"}', '{"name":"a","prototype":{}}', '{"name":"a","toString":"x"}', '{"name":"a","hasOwnProperty":1}']) {
    t.strictSame(codes(await alice.request('POST', '/articles', { headers: json, payload })), [400, 'validation_failed'], payload)
  }
  t.strictSame(codes(await root.request('PATCH', '/admin/users/1', { headers: json, payload: '{"__proto__":{"disabled":true}}' })), [400, 'malformed_json'])

  for (const query of ['__proto__[admin]=1', '__proto__.admin=1', 'constructor[prototype][admin]=1', '__proto__=1&__proto__=2', 'toString=1', 'limit[__proto__]=1']) {
    t.equal((await alice.request('GET', `/articles?${query}`)).statusCode, 200, query)
  }
  for (const headers of [{ ['__proto__']: 'x' }, { constructor: 'x' }, { 'if-none-match': '__proto__' }, { 'if-none-match': 'constructor' }]) {
    t.equal((await alice.request('GET', '/articles', { headers })).statusCode, 200)
  }
  for (const key of ['__proto__', 'constructor', 'hasOwnProperty']) {
    const create = () => alice.request('POST', '/articles', { headers: { 'idempotency-key': key }, payload: { name: key } })
    const first = await create()
    t.equal(first.statusCode, 201)
    t.equal((await create()).json().id, first.json().id, `the idempotency key ${key} is an ordinary key`)
    t.strictSame(codes(await alice.request('PATCH', String(first.headers.location), { headers: { 'if-match': key }, payload: { name: 'b' } })), [412, 'precondition_failed'])
  }
  // A user and groups with such names have no special rights.
  const odd = person(app, pool, '__proto__', { 'cognito:groups': ['__proto__', 'constructor'] })
  t.match((await odd.request('GET', '/me')).json(), { username: '__proto__', groups: ['__proto__', 'constructor'] })
  t.strictSame(codes(await odd.request('GET', '/admin/users')), [403, 'forbidden'])

  t.strictSame(Object.keys(Object.prototype), [])
  t.notOk('admin' in {} || 'disabled' in {})
})

t.test('POST /articles rejects deep JSON, endless numbers and unknown members, and uses the last of two equal members', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const post = (payload: string) => alice.request('POST', '/articles', { headers: json, payload })
  t.strictSame(codes(await post('['.repeat(100_000))), [413, 'payload_too_large'])
  t.strictSame(codes(await post('['.repeat(4_000))), [400, 'malformed_json'])
  t.strictSame(codes(await post('['.repeat(2_000) + ']'.repeat(2_000))), [400, 'validation_failed'])
  t.strictSame(codes(await post(deep(400))), [400, 'validation_failed'])
  t.strictSame(codes(await post(`{"__proto__":${deep(400)}}`)), [400, 'malformed_json'])
  t.strictSame(codes(await post(`{"name":${'9'.repeat(4_000)}}`)), [400, 'validation_failed'])
  t.strictSame(codes(await post('{"name":1e999}')), [400, 'validation_failed'])
  // RFC 8259 4 does not define it. The last one counts, for the validation and for the stored value.
  t.match((await post('{"name":"first","name":"last"}')).json(), { name: 'last' })
  t.strictSame(codes(await post('{"name":"first","name":5}')), [400, 'validation_failed'])
  t.strictSame(codes(await post('{"name":"a"} {"name":"b"}')), [400, 'malformed_json'])
  t.strictSame(codes(await post('{"name":"a",}')), [400, 'malformed_json'])
  t.strictSame(codes(await post(`{${Array.from({ length: 400 }, (_, index) => `"m${index}":1`).join()}}`)), [400, 'validation_failed'])
  t.match((await post('\ufeff{"name":"bom"}')).json(), { name: 'bom' })
  for (const after of ['9007199254740993', '1e400', 'NaN', '0x10000000000000000', '-1']) {
    t.strictSame(codes(await alice.request('GET', `/articles?after=${after}`)), [400, 'validation_failed'], after)
  }
})

t.test('a body in another coding or charset is rejected, and never decompressed', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const post = (headers: Record<string, string>, payload: Buffer) => alice.request('POST', '/articles', { headers: { ...json, ...headers }, payload })
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, ' '))
  t.strictSame(codes(await post({ 'content-encoding': 'gzip' }, gzipSync('{"name":"a"}'))), [415, 'unsupported_media_type'])
  t.strictSame(codes(await post({ 'content-encoding': 'gzip' }, bomb)), [413, 'payload_too_large'])
  t.strictSame(codes(await post({}, Buffer.from('{"name":"a"}', 'utf16le'))), [400, 'malformed_json'])
  // RFC 8259 8.1: JSON is UTF-8. RFC 8259 11: a charset parameter has no effect.
  for (const type of ['application/json; charset=utf-16', 'application/json; charset=x', 'application/json;']) {
    t.match((await post({ 'content-type': type }, Buffer.from('{"name":"é"}'))).json(), { name: 'é' }, type)
  }
  for (const type of ['text/json', 'application/jsonx', 'application/json, text/plain', 'text/plain; application/json', 'multipart/form-data; boundary=a', 'application/x-www-form-urlencoded', 'text/plain']) {
    t.strictSame(codes(await post({ 'content-type': type }, Buffer.from('{"name":"a"}'))), [415, 'unsupported_media_type'], type)
  }
})

t.test('headers and bodies that are too large get 431 or 413', async t => {
  const ran = watchHandlers(t)
  const { exchange, app, pool } = await startOnWire(t)
  const token = `Authorization: Bearer ${pool.idToken()}\r\n`
  const get = (lines: string, path = '/articles') => exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`)
  t.strictSame((await get(`X-Long: ${'x'.repeat(100_000)}\r\n`)).codes, ['headers_too_large'])
  t.strictSame((await get(`Authorization: Bearer ${'x'.repeat(100_000)}\r\n`)).codes, ['headers_too_large'])
  t.strictSame((await get(`Cookie: ${'a=b; '.repeat(20_000)}\r\n`)).codes, ['headers_too_large'])
  t.strictSame((await get('X: y\r\n'.repeat(20_000))).codes, ['headers_too_large'])
  t.strictSame((await get('', `/articles?q=${'x'.repeat(100_000)}`)).codes, ['headers_too_large'])
  t.strictSame((await get(`Authorization: Bearer ${'x'.repeat(9_000)}\r\n`)).codes, ['invalid_auth_token'])
  t.strictSame((await get(`${'x:\r\n'.repeat(500)}${token}`)).statuses, [200])
  t.strictSame((await get(token, `/articles?${'a=1&'.repeat(3_000)}`)).statuses, [200])
  t.strictSame((await get(token, `/articles?${'limit=1&'.repeat(1_500)}`)).codes, ['validation_failed'])
  ran()
  const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`
  const large = await exchange(`POST /articles HTTP/1.1\r\nHost: a\r\n${token}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(130)}`)
  t.strictSame(large.codes, ['payload_too_large'], 'in chunks, without a Content-Length')
  t.strictSame(ran(), [])
  t.strictSame((await stored(app)).filter(what => what.startsWith('article')), [])
})

t.test('SQL, markup and wildcards in a name or a search are text', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  for (const name of ["'; DROP TABLE articles; --", '" OR 1=1 --', '<script>alert(1)</script>', '{{7*7}}', '${7*7}', '100%', 'a_b', '\\', '\r\nSet-Cookie: a=b', '\u202egnp.exe']) { // eslint-disable-line no-template-curly-in-string
    const { statusCode, headers, body } = await alice.request('POST', '/articles', { payload: { name } })
    t.strictSame([statusCode, JSON.parse(body).name], [201, name.trim()])
    t.notOk('set-cookie' in headers)
    const found = await alice.request('GET', `/articles?q=${encodeURIComponent(name.trim())}`)
    t.strictSame(found.json().map((article: { name: string }) => article.name), [name.trim()], name)
  }
  t.match((await app.inject({ url: '/articles?limit=1', headers: bearer(alice.token) })).headers, { 'content-type': 'application/json; charset=utf-8', 'x-content-type-options': 'nosniff' })
})
