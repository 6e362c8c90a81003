import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Page } from '../database/text-search.ts'

/** What a list that can be read on from any of its members is asked for. */
export interface PageQuery {
  limit: number
  after?: number
}

/** What a list is asked for that has an order and can be searched. */
export interface ListQuery extends PageQuery {
  order: 'asc' | 'desc'
  q?: string
}

const pageProperties = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50, format: 'int32', description: 'The most members of the answer.' })),
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, format: 'int64', description: 'The id after which the page begins, in its order.' }))
}

// The validator fills the defaults in: optional for the client, and always there for the route.
export const PageQuerySchema = Type.Unsafe<PageQuery>(Type.Object(pageProperties))

export const ListQuerySchema = Type.Unsafe<ListQuery>(Type.Object({
  ...pageProperties,
  order: Type.Optional(Type.Unsafe<'asc' | 'desc'>({ type: 'string', enum: ['asc', 'desc'], default: 'asc', description: 'By id: the oldest or the newest first.' })),
  q: Type.Optional(Type.String({
    maxLength: 50,
    pattern: '^[^\\u0000\\uD800-\\uDFFF]*$',
    description: 'at most 50 characters, in any case, without NUL or lone surrogates. A page of a search may be short, or empty, while there is more: follow its Link'
  }))
}))

/** The body of a page, with the `Link` header (RFC 8288) that leads to the next, while there is one. */
export function sendPage<Row> (request: FastifyRequest, reply: FastifyReply, { rows, next }: Page<Row>): Row[] {
  if (next !== undefined) reply.header('link', nextLink(`${request.routeOptions.url}`, request.url, next))
  return rows
}

/**
 * The `Link` header of a page, to the one after it.
 * @param list the list's own address: a client may spell it in other ways, also with a host of its choice (RFC 9112 3.2.2)
 * @param url the address that was asked for
 */
export function nextLink (list: string, url: string, lastId: number): string {
  const [, ...query] = url.split('?')
  const parameters = new URLSearchParams(query.join('?'))
  parameters.set('after', `${lastId}`)
  return `<${list}?${parameters}>; rel="next"`
}
