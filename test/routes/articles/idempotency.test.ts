import t from 'tap'
import { newDatabase, startApp, startPool } from '../../support/app.ts'
import { createArticle, namesOf, startWithArticles } from '../../support/articles.ts'
import { codes, person } from '../../support/people.ts'

t.test('POST /articles with a used Idempotency-Key returns the first response and creates nothing', async t => {
  const { alice } = await startWithArticles(t)
  const first = await createArticle(alice, 'once', { 'idempotency-key': 'k' })
  const retry = await createArticle(alice, 'once', { 'idempotency-key': 'k' })
  t.equal(first.statusCode, 201)
  t.equal(retry.statusCode, 201)
  t.equal(retry.body, first.body)
  t.equal(retry.headers.location, first.headers.location)
  t.equal(retry.headers.etag, first.headers.etag)
  t.strictSame(namesOf(await alice.request('GET', '/articles')), ['once'])
})

t.test('POST /articles with a used Idempotency-Key and another body is a 422', async t => {
  const { alice } = await startWithArticles(t)
  await createArticle(alice, 'once', { 'idempotency-key': 'k' })
  t.strictSame(codes(await createArticle(alice, 'twice', { 'idempotency-key': 'k' })), [422, 'idempotency_mismatch'])
})

t.test('POST /articles accepts the Idempotency-Key of another user', async t => {
  const { app, pool, alice } = await startWithArticles(t)
  await createArticle(alice, 'hers', { 'idempotency-key': 'k' })
  t.equal((await createArticle(person(app, pool, 'bob'), 'his', { 'idempotency-key': 'k' })).json().author, 'bob')
})

t.test('POST /articles stores no Idempotency-Key of a rejected request', async t => {
  const { alice } = await startWithArticles(t)
  t.equal((await createArticle(alice, '', { 'idempotency-key': 'k' })).statusCode, 400)
  t.equal((await createArticle(alice, 'fine', { 'idempotency-key': 'k' })).statusCode, 201)
})

t.test('POST /articles creates one article for 20 concurrent requests with one Idempotency-Key', async t => {
  const { alice } = await startWithArticles(t)
  const responses = await Promise.all(Array.from({ length: 20 }, () => createArticle(alice, 'crowd', { 'idempotency-key': 'k' })))
  t.equal(new Set(responses.map(({ statusCode, body }) => `${statusCode} ${body}`)).size, 1)
  t.strictSame(namesOf(await alice.request('GET', '/articles')), ['crowd'])
})

t.test('POST /articles accepts an expired Idempotency-Key for another request', async t => {
  const { app, alice } = await startWithArticles(t)
  await createArticle(alice, 'early', { 'idempotency-key': 'k' })
  await app.db.updateTable('idempotency_keys').set({ expires_at: '2000-01-01T00:00:00.000Z' }).execute()
  t.equal((await createArticle(alice, 'late', { 'idempotency-key': 'k' })).json().name, 'late')
})

t.test('POST /articles accepts an Idempotency-Key of 1 to 255 characters only', async t => {
  const { alice } = await startWithArticles(t)
  for (const [key, status] of [['x', 201], ['x'.repeat(255), 201], ['x'.repeat(256), 400], ['', 400]] as const) {
    const response = await createArticle(alice, 'length', { 'idempotency-key': key })
    t.equal(response.statusCode, status, `${key.length} characters`)
    if (status === 400) {
      t.match(response.json(), { code: 'validation_failed', errors: [{ in: 'headers', path: '/idempotency-key' }] })
    }
  }
})

t.test('POST /articles creates one article for one Idempotency-Key on two replicas', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const replicas = [await startApp(t, { DATABASE_URL }, pool), await startApp(t, { DATABASE_URL }, pool)]
  const [first, second] = replicas.map(({ app }) => person(app, pool, 'alice'))
  if (first === undefined || second === undefined) throw new Error('two replicas are needed')
  await first.request('GET', '/me')
  const responses = await Promise.all(Array.from({ length: 20 }, (_, n) =>
    createArticle(n % 2 === 0 ? first : second, 'crowd', { 'idempotency-key': 'k' })))
  t.equal(new Set(responses.map(({ statusCode, body }) => `${statusCode} ${body}`)).size, 1)
  for (const alice of [first, second]) t.strictSame(namesOf(await alice.request('GET', '/articles')), ['crowd'])
})
