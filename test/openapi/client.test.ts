// Runs on SQLite and PostgreSQL.
import t from 'tap'
import { createArticlesClient } from '../../web/src/api/client.ts'
import { startApp } from '../support/app.ts'

t.test('the client speaks to the service in the types of its document', async t => {
  const { app, pool } = await startApp(t)
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  const client = createArticlesClient({ baseUrl, token: () => pool.idToken() })

  const created = await client.POST('/articles', { body: { name: 'On bread' }, params: { header: { 'idempotency-key': 'k1' } } })
  t.equal(created.response.status, 201)
  const id = created.data?.id ?? 0

  const renamed = await client.PATCH('/articles/{id}', { params: { path: { id } }, body: { name: 'On butter' } })
  t.equal(renamed.data?.name, 'On butter')

  const page = await client.GET('/articles', { params: { query: { limit: 10, order: 'desc', q: 'BUTTER' } } })
  t.strictSame(page.data?.map(({ name, author }) => ({ name, author })), [{ name: 'On butter', author: 'alice' }])

  const refused = await client.POST('/articles', { body: { name: '' } })
  t.match(refused.error, { code: 'validation_failed', errors: [{ in: 'body', path: '/name' }] })

  t.equal((await client.DELETE('/articles/{id}', { params: { path: { id } } })).response.status, 204)
  t.equal((await client.GET('/me')).data?.username, 'alice')
})

t.test('the client takes a fetch of one’s own', async t => {
  const asked: string[] = []
  const client = createArticlesClient({
    baseUrl: 'http://articles.test',
    token: async () => 'token',
    fetch: async request => {
      asked.push(`${request.url} ${request.headers.get('authorization')}`)
      return Response.json([])
    }
  })
  t.strictSame((await client.GET('/articles')).data, [])
  t.strictSame(asked, ['http://articles.test/articles Bearer token'])
})
