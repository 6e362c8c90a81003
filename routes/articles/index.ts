import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { pageResponse, resourceResponse, type JsonResponse } from '../../src/http/json-response.ts'
import { ResponseCache } from '../../src/http/response-cache.ts'
import { changeArticle } from '../../src/articles/change-article.ts'
import { listArticlePage } from '../../src/articles/list-page.ts'
import { deleteArticle, findArticle, insertArticle, updateArticle } from '../../src/articles/queries.ts'
import { ArticleListSchema, ArticleSchema, articleTag, NewArticleSchema, type Article } from '../../src/articles/schemas.ts'
import type { AuthoredChange } from '../../src/http/change-authored.ts'
import { IfMatchSchema } from '../../src/http/conditional-request.ts'
import type { Database } from '../../src/database/tables.ts'
import { IdempotencyKeySchema, runOnce } from '../../src/idempotency/run-once.ts'
import { prepareReply, type StoredResponse } from '../../src/idempotency/stored-response.ts'
import { ListQuerySchema, type ListQuery } from '../../src/http/pagination.ts'
import { IdParamsSchema } from '../../src/http/resource-id.ts'
import { Problem } from '../../src/problems/catalogue.ts'
import { json, noContent, problems, representation } from '../../src/openapi/responses.ts'
import { serialize } from '../../src/http/serializer.ts'

interface ArticlesOptions {
  adminGroup: string
}

const articles: FastifyPluginAsyncTypebox<ArticlesOptions> = async (fastify, { adminGroup }) => {
  const pages = new ResponseCache(fastify.db)
  const members = new ResponseCache(fastify.db)

  fastify.get('/', {
    schema: {
      operationId: 'listArticles',
      summary: 'List articles',
      tags: ['articles'],
      querystring: ListQuerySchema,
      response: {
        ...representation(ArticleListSchema, 'A page of articles.', 'Link'),
        ...problems(400, 401, 403, 412)
      }
    }
  }, (request, reply) => {
    const { query, user } = request
    const searcher = query.q ? user.key : ''
    return pages.send(request, reply, () => loadPage(request, query, searcher), searcher)
  })

  // Typed as plain objects: the handler returns the JSON text, no article.
  const created: Record<number, object> = { 201: json(ArticleSchema, 'The article.', 'Location', 'ETag'), ...problems(400, 401, 403, 413, 415, 422) }
  fastify.post('/', {
    schema: {
      operationId: 'createArticle',
      summary: 'Write an article',
      tags: ['articles'],
      headers: Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKeySchema) }),
      body: NewArticleSchema,
      response: created
    }
  }, async ({ body, headers, localUser, params }, reply) => {
    const work = async (db: Database) => createdResponse(await insertArticle(db, { name: body.name.trim(), author: localUser }))
    const key = headers['idempotency-key']
    const response = key === undefined
      ? await work(fastify.db)
      : await runOnce(fastify.db, { key: { userId: localUser.id, route: 'POST /articles', key }, request: { params, body }, work, restore: restoreCreated })
    return prepareReply(reply, response)
  })

  fastify.get('/:id', {
    schema: {
      operationId: 'getArticle',
      summary: 'Read an article',
      tags: ['articles'],
      params: IdParamsSchema,
      response: {
        ...representation(ArticleSchema, 'The article.'),
        ...problems(400, 401, 403, 404, 412)
      }
    }
  }, (request, reply) => members.send(request, reply, () => loadArticle(request.params.id)))

  fastify.patch('/:id', {
    schema: {
      operationId: 'changeArticle',
      summary: 'Rename an article',
      description: 'For its author, and for administrators.',
      tags: ['articles'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      body: NewArticleSchema,
      response: { 200: json(ArticleSchema, 'The article.', 'ETag'), ...problems(400, 401, 403, 404, 412, 413, 415) }
    }
  }, async (request, reply) => {
    const name = request.body.name.trim()
    const article = await changeArticle(fastify.db, request.params.id, changeOf(request), (found, version) => updateArticle(fastify.db, found, version, name))
    reply.header('etag', articleTag(article))
    return article
  })

  fastify.delete('/:id', {
    schema: {
      operationId: 'deleteArticle',
      summary: 'Delete an article',
      description: 'For its author, and for administrators.',
      tags: ['articles'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      response: { 204: noContent('It is gone.'), ...problems(400, 401, 403, 404, 412, 413, 415) }
    }
  }, async (request, reply) => {
    await changeArticle(fastify.db, request.params.id, changeOf(request), (found, version) => deleteArticle(fastify.db, found, version))
    reply.code(204)
    return null
  })

  async function loadPage (request: FastifyRequest, query: ListQuery, searcher: string): Promise<JsonResponse> {
    const list = () => listArticlePage(fastify.db, query)
    return pageResponse(request, ArticleListSchema, searcher === '' ? await list() : await fastify.searches.run(searcher, list))
  }

  async function loadArticle (id: number): Promise<JsonResponse> {
    const article = await findArticle(fastify.db, id)
    if (article === undefined) throw new Problem('not_found', 'There is no such article.')
    return resourceResponse(ArticleSchema, article, articleTag(article))
  }

  function changeOf ({ headers, localUser, user }: FastifyRequest): AuthoredChange {
    return { userId: localUser.id, isAdmin: user.groups.includes(adminGroup), ifMatch: headers['if-match'] }
  }
}

function createdResponse (article: Article): StoredResponse {
  return { status: 201, headers: createdHeaders(article), body: serialize(ArticleSchema, article) }
}

// A version before this one stored the article's JSON alone.
function restoreCreated (body: string): StoredResponse {
  return { status: 201, headers: createdHeaders(JSON.parse(body)), body }
}

function createdHeaders (article: Article): Record<string, string> {
  return { location: `/articles/${article.id}`, etag: articleTag(article), 'content-type': 'application/json; charset=utf-8' }
}

export default articles
