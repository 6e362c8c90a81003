// Fastify that answers the bytes of the list, or the 304 that a tag asks for, without authentication, log or database.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

const { PORT, BENCH_LIST = '', BENCH_TAG } = process.env
const body = readFileSync(BENCH_LIST, 'utf8')
const fastify = Fastify()
fastify.get('/articles', ({ headers }, reply) => {
  if (BENCH_TAG !== undefined && headers['if-none-match'] === BENCH_TAG) reply.code(304).header('etag', BENCH_TAG).send()
  else reply.header('content-type', 'application/json; charset=utf-8').send(body)
})
await fastify.listen({ port: Number(PORT), host: '127.0.0.1' })
