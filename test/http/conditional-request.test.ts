import t from 'tap'
import { checkPreconditions } from '../../src/http/conditional-request.ts'
import { startApp } from '../support/app.ts'
import { administrator, codes, person } from '../support/people.ts'

const failed = [412, 'precondition_failed']
const tag = '"0123456789abcdefghijklmno-_"'

t.test('checkPreconditions accepts a tag that a proxy weakened or extended (RFC 9110 8.8.3)', async t => {
  const opaque = tag.slice(1, -1)
  for (const ifMatch of [tag, `W/${tag}`, `"x", ${tag}`, `"${opaque}-gzip"`, `W/"${opaque}--br"`, `"${opaque};zstd"`, '*']) {
    t.doesNotThrow(() => checkPreconditions({ 'if-match': ifMatch }, tag), ifMatch)
    t.throws(() => checkPreconditions({ 'if-none-match': ifMatch }, tag), { code: 'precondition_failed' }, ifMatch)
  }
  for (const ifMatch of ['', opaque, `"${opaque}-x"`, `"x${opaque}"`, '"x"']) {
    t.throws(() => checkPreconditions({ 'if-match': ifMatch }, tag), { code: 'precondition_failed' }, ifMatch)
    t.doesNotThrow(() => checkPreconditions({ 'if-none-match': ifMatch }, tag), ifMatch)
  }
})

t.test('checkPreconditions finds a tag that itself ends like a coding', async t => {
  t.doesNotThrow(() => checkPreconditions({ 'if-match': '"a-br"' }, '"a-br"'))
})

t.test('PATCH and DELETE of every resource heed If-Match and If-None-Match (RFC 9110 13.1.1, 13.1.2)', async t => {
  const { app, pool } = await startApp(t)
  const [alice, root] = [person(app, pool, 'alice'), administrator(app, pool)]
  t.equal((await alice.request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
  for (const [client, url, payload] of [
    [alice, '/articles/1', { name: 'Cake' }],
    [root, '/admin/users/1', { username: 'alicia' }]
  ] as const) {
    const old = String((await client.request('GET', url)).headers.etag)
    const changed = await client.request('PATCH', url, { payload, headers: { 'if-match': `W/${old}` } })
    t.equal(changed.statusCode, 200, url)
    const current = String(changed.headers.etag)
    t.equal((await client.request('GET', url)).headers.etag, current)
    for (const headers of [{ 'if-match': old }, { 'if-none-match': current }, { 'if-none-match': '*' }, { 'if-match': old, 'if-none-match': old }]) {
      t.strictSame(codes(await client.request('PATCH', url, { payload, headers })), failed, `PATCH ${url} ${JSON.stringify(headers)}`)
      t.strictSame(codes(await client.request('DELETE', url, { headers })), failed, `DELETE ${url} ${JSON.stringify(headers)}`)
    }
    t.equal((await client.request('PATCH', url, { payload, headers: { 'if-match': '*', 'if-none-match': old } })).statusCode, 200)
  }
  t.equal((await alice.request('DELETE', '/articles/1', { headers: { 'if-match': '*' } })).statusCode, 204)
  const userTag = String((await root.request('GET', '/admin/users/1')).headers.etag)
  t.equal((await root.request('DELETE', '/admin/users/1', { headers: { 'if-match': userTag } })).statusCode, 204)
  t.strictSame(codes(await root.request('DELETE', '/admin/users/1', { headers: { 'if-match': userTag } })), [404, 'not_found'])
})

t.test('PATCH /admin/users/:id with the same If-Match twice at once changes the user once', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  await person(app, pool, 'alice').request('GET', '/me')
  const ifMatch = String((await root.request('GET', '/admin/users/1')).headers.etag)
  const rename = (username: string) => root.request('PATCH', '/admin/users/1', { payload: { username }, headers: { 'if-match': ifMatch } })
  const statuses = (await Promise.all(['one', 'two', 'three'].map(rename))).map(({ statusCode }) => statusCode)
  t.strictSame(statuses.sort(), [200, 412, 412])
})

t.test('GET and HEAD check If-Match before If-None-Match (RFC 9110 13.2.2)', async t => {
  const { app, pool } = await startApp(t)
  const [alice, root] = [person(app, pool, 'alice'), administrator(app, pool)]
  t.equal((await alice.request('POST', '/articles', { payload: { name: 'Bread' } })).statusCode, 201)
  for (const [client, url] of [[alice, '/articles'], [alice, '/articles/1'], [root, '/admin/users/1'], [root, '/admin/users']] as const) {
    const current = String((await client.request('GET', url)).headers.etag)
    for (const method of ['GET', 'HEAD'] as const) {
      const status = async (headers: Record<string, string>) => (await client.request(method, url, { headers })).statusCode
      t.equal(await status({ 'if-match': '"old"', 'if-none-match': current }), 412, `${method} ${url}`)
      t.equal(await status({ 'if-match': current, 'if-none-match': current }), 304, `${method} ${url}`)
      t.equal(await status({ 'if-match': `W/${current}` }), 200, `${method} ${url}`)
      t.equal(await status({ 'if-none-match': current.replace(/"$/, '-gzip"') }), 304, `${method} ${url}`)
    }
  }
})
