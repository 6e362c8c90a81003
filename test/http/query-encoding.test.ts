import t from 'tap'
import { isQueryUtf8 } from '../../src/http/query-encoding.ts'
import { startApp } from '../support/app.ts'
import { codes, person } from '../support/people.ts'

t.test('isQueryUtf8 rejects percent-encoded bytes that are not UTF-8, and only those', async t => {
  for (const url of ['/', '/?', '/?q=caf%C3%A9', '/?q=100%', '/?q=%zz', '/?q=%f0%9f%98%80+%41', '/%e9?q=a']) t.ok(isQueryUtf8(url), url)
  for (const url of ['/?q=caf%E9', '/?%e9=1', '/?q=%C3', '/?q=%C3x%A9', '/?q=%ED%A0%80', '/?q=%C0%AF', '/?q=%F5%80%80%80']) t.notOk(isQueryUtf8(url), url)
})

t.test('a body, query or path that is not UTF-8 is rejected with 400 (RFC 8259 8.1)', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  for (const name of [Buffer.from('caf\xe9', 'latin1'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0xaf])]) {
    const payload = Buffer.concat([Buffer.from('{"name":"'), name, Buffer.from('"}')])
    const response = await alice.request('POST', '/articles', { payload, headers: { 'content-type': 'application/json' } })
    t.strictSame(codes(response), [400, 'malformed_json'], name.toString('hex'))
  }
  t.strictSame(codes(await alice.request('GET', '/articles?q=caf%E9')), [400, 'validation_failed'])
  t.strictSame(codes(await alice.request('GET', '/articles/%E9')), [400, 'validation_failed'])
  t.equal((await alice.request('GET', '/articles?q=caf%C3%A9')).statusCode, 200)
  t.strictSame((await alice.request('GET', '/articles')).json(), [])
})
