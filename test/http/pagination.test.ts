import Fastify from 'fastify'
import t from 'tap'
import { sendPage } from '../../src/http/pagination.ts'

t.test('sendPage links to the path of a nested list with its parameters and query', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/articles/:articleId/comments', async (request, reply) => sendPage(request, reply, { rows: [], next: 7 }))
  const response = await app.inject('/articles/a%20b/comments?limit=2&after=3')
  t.equal(response.headers.link, '</articles/a%20b/comments?limit=2&after=7>; rel="next"')
})
