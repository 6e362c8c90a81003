import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Page } from '../database/text-search.ts'

/** The query of a paged list. */
export interface PageQuery {
  limit: number
  /** The id of the last member of the page before. */
  after?: number
}

/** The query of a paged list that has an order and a search. */
export interface ListQuery extends PageQuery {
  order: 'asc' | 'desc'
  q?: string
}

const pageProperties = {
  limit: Type.Optional(Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 50,
    format: 'int32',
    description: 'The largest number of members in the response.'
  })),
  after: Type.Optional(Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    format: 'int64',
    description: 'The page starts after this id, in the order of the list.'
  }))
}

// `Unsafe` states the types after validation, when the defaults are present.
export const PageQuerySchema = Type.Unsafe<PageQuery>(Type.Object(pageProperties))

export const ListQuerySchema = Type.Unsafe<ListQuery>(Type.Object({
  ...pageProperties,
  order: Type.Optional(Type.Unsafe<'asc' | 'desc'>({
    type: 'string',
    enum: ['asc', 'desc'],
    default: 'asc',
    description: 'By id: the oldest or the newest first.'
  })),
  q: Type.Optional(Type.String({
    maxLength: 50,
    pattern: '^[^\\u0000\\uD800-\\uDFFF]*$',
    // A 400 response shows this description behind "must be".
    description: 'at most 50 characters, in any case, without NUL or lone surrogates. ' +
      'A page of a search may be short or empty while there are more results: follow its Link header'
  }))
}))

/** Sets the `Link` header of a page, and returns its rows. */
export function sendPage<Row> (request: FastifyRequest, reply: FastifyReply, { rows, next }: Page<Row>): Row[] {
  if (next !== undefined) reply.header('link', nextLink(request, next))
  return rows
}

/**
 * The `Link` header (RFC 8288) from a page to the next one. It repeats the query of the request.
 * @param lastId the id of the page's last member
 */
export function nextLink (request: FastifyRequest, lastId: number): string {
  const [, ...query] = request.url.split('?')
  const parameters = new URLSearchParams(query.join('?'))
  parameters.set('after', `${lastId}`)
  return `<${listPath(request)}?${parameters}>; rel="next"`
}

/**
 * The path from the route and its parameters. The URL may spell it in other ways, even with a host (RFC 9112
 * 3.2.2).
 */
function listPath ({ params, routeOptions: { url = '' } }: FastifyRequest): string {
  const values = new Map(Object.entries(params ?? {}))
  return url.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(`${values.get(name)}`))
}
