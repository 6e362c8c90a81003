import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { insertArticle, listArticles } from '../../src/articles/queries.ts'
import { ArticleListQuerySchema, ArticleSchema, NewArticleSchema } from '../../src/articles/schemas.ts'
import { nextLink } from '../../src/paging.ts'
import { problemResponses } from '../../src/problem-schema.ts'

const articles: FastifyPluginAsyncTypebox = async fastify => {
  fastify.addHook('onRequest', fastify.authenticate)
  fastify.addHook('onRequest', fastify.loadAccount)

  fastify.get('/', {
    schema: {
      querystring: ArticleListQuerySchema,
      response: { 200: Type.Array(ArticleSchema), ...problemResponses(400, 401, 403, 429, 500, 503) }
    }
  }, async (request, reply) => {
    const { limit } = request.query
    const found = await listArticles(fastify.db, { ...request.query, limit: limit + 1 })
    const page = found.slice(0, limit)
    const last = page.at(-1)
    if (found.length > limit && last !== undefined) reply.header('link', nextLink(request.url, last.id))
    return page
  })

  fastify.post('/', {
    schema: {
      body: NewArticleSchema,
      response: { 201: ArticleSchema, ...problemResponses(400, 401, 403, 413, 415, 429, 500, 503) }
    }
  }, async (request, reply) => {
    const article = await insertArticle(fastify.db, { name: request.body.name.trim(), author: request.account })
    return reply.code(201).header('location', `/articles/${article.id}`).send(article)
  })
}

export default articles
