// Fastify that answers the bytes of the list, without authentication, log or database.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

const { PORT, BENCH_LIST = '' } = process.env
const body = readFileSync(BENCH_LIST, 'utf8')
const fastify = Fastify()
fastify.get('/articles', (_request, reply) => { reply.header('content-type', 'application/json; charset=utf-8').send(body) })
await fastify.listen({ port: Number(PORT), host: '127.0.0.1' })
