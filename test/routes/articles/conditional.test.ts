import t from 'tap'
import { createArticle, startWithArticles } from '../../support/articles.ts'
import { codes, person, type Person } from '../../support/people.ts'

async function tagOf (reader: Person, url: string): Promise<string> {
  return String((await reader.request('GET', url)).headers.etag)
}

for (const url of ['/articles', '/articles/1']) {
  t.test(`GET ${url} has a strong ETag that does not depend on the token`, async t => {
    const { app, pool, alice } = await startWithArticles(t, 'one')
    const response = await alice.request('GET', url)
    t.match(response.headers, { etag: /^"[\w-]+"$/, 'cache-control': 'private, no-cache', vary: 'Authorization' })
    const other = await person(app, pool, 'bob').request('GET', url)
    t.equal(other.headers.etag, response.headers.etag)
    t.equal((await alice.request('HEAD', url)).headers.etag, response.headers.etag)
  })

  t.test(`GET ${url} is a 304 for a client with the current representation`, async t => {
    const { alice } = await startWithArticles(t, 'one')
    const tag = await tagOf(alice, url)
    for (const header of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      for (const method of ['GET', 'HEAD'] as const) {
        const response = await alice.request(method, url, { headers: { 'if-none-match': header } })
        t.equal(response.statusCode, 304, header)
        t.equal(response.body, '')
        t.match(response.headers, { etag: tag, 'cache-control': 'private, no-cache', vary: 'Authorization' })
        t.notOk(response.headers['content-type'])
      }
    }
    for (const header of ['"x"', tag.slice(1, -1), '']) {
      t.equal((await alice.request('GET', url, { headers: { 'if-none-match': header } })).statusCode, 200, header)
    }
  })

  t.test(`GET ${url} has another ETag once the author has another username`, async t => {
    const { app, alice } = await startWithArticles(t, 'one')
    const before = await tagOf(alice, url)
    await app.db.updateTable('users').set({ username: 'alicia' }).where('username', '=', 'alice').execute()
    t.not(await tagOf(alice, url), before)
  })
}

t.test('GET /articles?limit=1 has another ETag once it is no longer the last page', async t => {
  const { alice } = await startWithArticles(t, 'one')
  const before = await tagOf(alice, '/articles?limit=1')
  await createArticle(alice, 'two')
  t.not(await tagOf(alice, '/articles?limit=1'), before)
})

t.test('PATCH and DELETE /articles/:id with a stale or weak If-Match are a 412', async t => {
  const { alice } = await startWithArticles(t, 'one')
  const stale = await tagOf(alice, '/articles/1')
  const first = await alice.request('PATCH', '/articles/1', { payload: { name: 'mine' }, headers: { 'if-match': stale } })
  t.equal(first.statusCode, 200)
  for (const header of [stale, `W/${stale}`, '"x"', '']) {
    const headers = { 'if-match': header }
    const patched = await alice.request('PATCH', '/articles/1', { payload: { name: 'theirs' }, headers })
    t.strictSame(codes(patched), [412, 'precondition_failed'], header)
    t.strictSame(codes(await alice.request('DELETE', '/articles/1', { headers })), [412, 'precondition_failed'], header)
  }
  t.equal(String(first.headers.etag), await tagOf(alice, '/articles/1'))
})

t.test('PATCH and DELETE /articles/:id succeed with the current If-Match or *', async t => {
  const { alice } = await startWithArticles(t, 'one')
  const patched = await alice.request('PATCH', '/articles/1', { payload: { name: 'again' }, headers: { 'if-match': '*' } })
  t.equal(patched.statusCode, 200)
  const headers = { 'if-match': await tagOf(alice, '/articles/1') }
  t.equal((await alice.request('DELETE', '/articles/1', { headers })).statusCode, 204)
})

t.test('one of 20 concurrent changes with the same If-Match succeeds', async t => {
  const { alice } = await startWithArticles(t, 'contended')
  const headers = { 'if-match': await tagOf(alice, '/articles/1') }
  const responses = await Promise.all(Array.from({ length: 20 }, (_, n) =>
    alice.request('PATCH', '/articles/1', { payload: { name: `by ${n}` }, headers })))
  t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, ...Array.from({ length: 19 }, () => 412)])
})

t.test('all of 20 concurrent changes without If-Match succeed', async t => {
  const { alice } = await startWithArticles(t, 'contended')
  const responses = await Promise.all(Array.from({ length: 20 }, (_, n) =>
    alice.request('PATCH', '/articles/1', { payload: { name: `by ${n}` } })))
  t.ok(responses.every(({ statusCode }) => statusCode === 200))
})
