// Fastify without authentication, log and database. It sends the bytes of the list, or 304 for the entity tag
// of the list.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

const { PORT, BENCH_LIST = '', BENCH_ETAG = '' } = process.env
const body = readFileSync(BENCH_LIST, 'utf8')
const fastify = Fastify()
fastify.get('/articles', ({ headers }, reply) => {
  if (headers['if-none-match'] === BENCH_ETAG) reply.code(304).header('etag', BENCH_ETAG).send()
  else reply.header('content-type', 'application/json; charset=utf-8').send(body)
})
await fastify.listen({ port: Number(PORT), host: '127.0.0.1' })
