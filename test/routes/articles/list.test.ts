import t from 'tap'
import { createArticle, namesOf, startWithArticles } from '../../support/articles.ts'
import { codes } from '../../support/people.ts'

t.test('GET /articles lists the oldest article first, without a Link on the only page', async t => {
  const { alice } = await startWithArticles(t, 'a', 'b', 'c', 'd', 'e')
  const response = await alice.request('GET', '/articles')
  t.strictSame(namesOf(response), ['a', 'b', 'c', 'd', 'e'])
  t.equal(response.headers.link, undefined)
  t.strictSame(namesOf(await alice.request('GET', '/articles/')), ['a', 'b', 'c', 'd', 'e'], 'with a trailing slash')
})

for (const [order, expected] of [['asc', ['a', 'b', 'c', 'd', 'e']], ['desc', ['e', 'd', 'c', 'b', 'a']]] as const) {
  t.test(`GET /articles?order=${order} links each page to the next`, async t => {
    const { alice } = await startWithArticles(t, 'a', 'b', 'c', 'd', 'e')
    const seen: string[] = []
    let url = `/articles?limit=2&order=${order}`
    for (let pages = 0; pages < 3; pages++) {
      const response = await alice.request('GET', url)
      seen.push(...namesOf(response))
      url = /^<(.*)>; rel="next"$/.exec(String(response.headers.link))?.[1] ?? ''
    }
    t.strictSame(seen, expected)
    t.equal(url, '', 'the last page has no Link')
  })
}

t.test('GET /articles?limit=5 has no Link where the page ends with the last article', async t => {
  const { alice } = await startWithArticles(t, 'a', 'b', 'c', 'd', 'e')
  const response = await alice.request('GET', '/articles?limit=5')
  t.equal(namesOf(response).length, 5)
  t.equal(response.headers.link, undefined)
})

t.test('GET /articles?after= accepts the id of a deleted article and of none', async t => {
  const { alice } = await startWithArticles(t, 'a', 'b', 'c')
  await alice.request('DELETE', '/articles/2')
  t.strictSame(namesOf(await alice.request('GET', '/articles?after=2')), ['c'])
  t.strictSame(namesOf(await alice.request('GET', '/articles?after=99')), [])
  t.strictSame(namesOf(await alice.request('GET', '/articles?after=0&limit=1')), ['a'])
})

t.test('GET /articles rejects an invalid query with 400', async t => {
  const { alice } = await startWithArticles(t)
  const queries = [
    'limit=0', 'limit=101', 'limit=-1', 'limit=x', 'limit=1.5', 'limit=1e1', 'limit=0x10', 'limit=', 'limit=1&limit=2', 'after=x', 'after=-1',
    'after=9007199254740992', 'order=up', 'order=ASC', 'q=%00', `q=${'x'.repeat(51)}`
  ]
  for (const query of queries) {
    const response = await alice.request('GET', `/articles?${query}`)
    t.strictSame(codes(response), [400, 'validation_failed'], query)
    t.match(response.json().errors, [{ in: 'query', path: /^\/(limit|after|order|q)$/ }], query)
  }
})

t.test('GET /articles?q= finds a part of a name in any case', async t => {
  const names = ['100 % wool', '100 days', 'under_score', 'UnderScore', 'back\\slash', 'ÄRGER', "O'Hara"]
  const { alice } = await startWithArticles(t, ...names)
  const find = async (q: string) => namesOf(await alice.request('GET', `/articles?q=${encodeURIComponent(q)}`))

  t.strictSame(await find('100'), ['100 % wool', '100 days'])
  t.strictSame(await find('%'), ['100 % wool'])
  t.strictSame(await find('_'), ['under_score'])
  t.strictSame(await find('\\'), ['back\\slash'])
  t.strictSame(await find("'"), ["O'Hara"])
  t.strictSame(await find('DERSCORE'), ['UnderScore'])
  t.strictSame(await find('ärg'), ['ÄRGER'])
  t.strictSame(await find('nothing'), [])
  t.equal((await find('')).length, 7)

  const page = await alice.request('GET', '/articles?q=100&limit=1&order=desc')
  t.strictSame(namesOf(page), ['100 days'])
  t.equal(page.headers.link, '</articles?q=100&limit=1&order=desc&after=2>; rel="next"')
})

t.test('GET /articles?q= reads a bounded number of articles per page and continues by Link', async t => {
  const { app, alice } = await startWithArticles(t, 'needle one')
  const rows = Array.from({ length: 500 }, () => ({ name: 'hay', name_key: 'hay', created_at: '', updated_at: '' }))
  for (let batch = 0; batch < 121; batch++) await app.db.insertInto('articles').values(rows).execute()
  await createArticle(alice, 'needle two')

  for (const [order, expected] of [['asc', ['needle one', 'needle two']], ['desc', ['needle two', 'needle one']]] as const) {
    const first = await alice.request('GET', `/articles?q=ne&order=${order}`)
    t.strictSame(namesOf(first), expected.slice(0, 1))
    const next = /^<(.*)>/.exec(String(first.headers.link))?.[1] ?? ''
    const second = await alice.request('GET', next)
    t.strictSame(namesOf(second), expected.slice(1))
    t.equal(second.headers.link, undefined)
  }
})

t.test('concurrent requests for articles get the same responses as single requests', async t => {
  const { app, alice } = await startWithArticles(t, 'One', 'Two', 'Three')
  const { headers: { etag } } = await alice.request('GET', '/articles')
  const requests = [
    () => alice.request('GET', '/articles'),
    () => alice.request('HEAD', '/articles'),
    () => alice.request('GET', '/articles', { headers: { 'if-none-match': `${etag}` } }),
    () => alice.request('GET', '/articles?limit=2'),
    () => alice.request('GET', '/articles/2'),
    () => alice.request('GET', '/articles/99')
  ]
  const summarize = ({ statusCode, headers, body }: Awaited<ReturnType<typeof alice.request>>) => {
    const { etag, link, vary, 'content-type': type, 'content-length': length } = headers
    return [statusCode, etag, link, vary, type, length, body.replace(/"requestId":"[^"]+"/, '')]
  }
  const single: ReturnType<typeof summarize>[] = []
  for (const send of requests) single.push(summarize(await send()))
  t.strictSame(single.map(([status]) => status), [200, 200, 304, 200, 200, 404])

  // The write invalidates the cached responses.
  await app.db.updateTable('articles').set({ version: 1 }).execute()
  const all = [...requests, ...requests, ...requests.toReversed()]
  const concurrent = await Promise.all(all.map(send => send()))
  t.strictSame(concurrent.map(summarize), [...single, ...single, ...single.toReversed()])
  const problems = concurrent.filter(({ statusCode }) => statusCode === 404)
  t.ok(problems.every(response => response.json().requestId === response.headers['x-request-id']))
})
