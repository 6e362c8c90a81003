// The stack of this service as its READMEs show it: @fastify/jwt with get-jwks, Kysely's SQLite dialect, a
// rate limit and a log.
import jwt, { type TokenOrHeader } from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import { Type } from '@sinclair/typebox'
import BetterSqlite3 from 'better-sqlite3'
import Fastify, { type FastifyRequest } from 'fastify'
import buildGetJwks from 'get-jwks'
import { Kysely, SqliteDialect } from 'kysely'
import type { Tables } from '../../src/database/tables.ts'
import { ArticleListSchema, ArticleSchema, NewArticleSchema } from '../../src/articles/schemas.ts'

const { PORT, BENCH_DATABASE = '', BENCH_ISSUER = '', BENCH_CLIENT = '' } = process.env
const file = new BetterSqlite3(BENCH_DATABASE)
file.pragma('journal_mode = WAL')
file.pragma('synchronous = FULL')
const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: file }) })
const getJwks = buildGetJwks({ issuersWhitelist: [BENCH_ISSUER] })

const fastify = Fastify({ logger: { level: 'info' } })
await fastify.register(rateLimit, { max: 1_000_000_000, timeWindow: 60_000 })
await fastify.register(jwt, {
  decode: { complete: true },
  secret: async (_request: FastifyRequest, token: TokenOrHeader) => {
    const { header: { kid = '', alg }, payload: { iss } } = Object(token)
    return getJwks.getPublicKey({ kid, domain: iss, alg })
  },
  verify: { allowedIss: [`${BENCH_ISSUER}`], allowedAud: BENCH_CLIENT }
})
fastify.addHook('onRequest', async request => { await request.jwtVerify() })
fastify.get('/articles', { schema: { response: { 200: ArticleListSchema } } }, async () => db.selectFrom('articles')
  .leftJoin('users', 'users.id', 'articles.author_id')
  .select(['articles.id', 'articles.name', 'users.username as author', 'articles.created_at as createdAt', 'articles.updated_at as updatedAt'])
  .orderBy('articles.id').limit(50).execute())
fastify.post<{ Body: { name: string } }>('/articles', { schema: { body: NewArticleSchema, response: { 201: ArticleSchema, 200: Type.Null() } } }, async (request, reply) => {
  const now = new Date().toISOString()
  const { name } = request.body
  const { id } = await db.insertInto('articles').values({ name, name_key: name, author_id: 1, created_at: now, updated_at: now }).returning('id').executeTakeFirstOrThrow()
  return reply.code(201).send({ id, name, author: 'alice', createdAt: now, updatedAt: now })
})
await fastify.listen({ port: Number(PORT), host: '127.0.0.1' })
