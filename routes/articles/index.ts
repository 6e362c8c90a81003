import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { changeArticle } from '../../src/articles/change-article.ts'
import { listArticlePage } from '../../src/articles/list-page.ts'
import { deleteArticle, findArticle, insertArticle, updateArticle } from '../../src/articles/queries.ts'
import { ArticleListSchema, ArticleSchema, articleTag, NewArticleSchema, type Article } from '../../src/articles/schemas.ts'
import type { Database } from '../../src/database/tables.ts'
import { changeOf } from '../../src/http/change-authored.ts'
import { IfMatchSchema } from '../../src/http/conditional-request.ts'
import { pageResponse, resourceResponse, type JsonResponse } from '../../src/http/json-response.ts'
import { ListQuerySchema, type ListQuery } from '../../src/http/pagination.ts'
import { IdParamsSchema } from '../../src/http/resource-id.ts'
import { ResponseCache } from '../../src/http/response-cache.ts'
import { serialize } from '../../src/http/serializer.ts'
import { CreateHeadersSchema, createOnce } from '../../src/idempotency/create-once.ts'
import { createdResponse, type StoredResponse } from '../../src/idempotency/stored-response.ts'
import { json, noContent, problems, representation } from '../../src/openapi/responses.ts'
import { Problem } from '../../src/problems/catalogue.ts'

interface ArticlesOptions {
  adminGroup: string
}

const articles: FastifyPluginAsyncTypebox<ArticlesOptions> = async (fastify, { adminGroup }) => {
  const pages = new ResponseCache(fastify.database)
  const members = new ResponseCache(fastify.database)

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

  // Plain objects as types, because the handler returns JSON text.
  const created: Record<number, object> = {
    201: json(ArticleSchema, 'The article.', 'Location', 'ETag'),
    ...problems(400, 401, 403, 413, 415, 422)
  }
  fastify.post('/', {
    schema: {
      operationId: 'createArticle',
      summary: 'Write an article',
      tags: ['articles'],
      headers: CreateHeadersSchema,
      body: NewArticleSchema,
      response: created
    }
  }, (request, reply) => {
    const { body, localUser } = request
    const create = async (db: Database) => createdArticle(await insertArticle(db, { name: body.name.trim(), author: localUser }))
    return createOnce(fastify.db, request, reply, create, restoreArticle)
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
    const article = await changeArticle(fastify.db, request.params.id, changeOf(request, adminGroup),
      (found, version) => updateArticle(fastify.db, found, version, name))
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
    await changeArticle(fastify.db, request.params.id, changeOf(request, adminGroup),
      (found, version) => deleteArticle(fastify.db, found, version))
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
}

function createdArticle (article: Article, body = serialize(ArticleSchema, article)): StoredResponse {
  return createdResponse(body, `/articles/${article.id}`, articleTag(article))
}

/** Completes a response of an older version, which stored the JSON of the article alone. */
function restoreArticle (body: string): StoredResponse {
  return createdArticle(JSON.parse(body), body)
}

export default articles
