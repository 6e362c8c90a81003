import type { TSchema } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { Page } from '../database/text-search.ts'
import { entityTag } from './conditional-request.ts'
import { nextLink } from './pagination.ts'
import { serialize } from './serializer.ts'

/** A successful response to a read, ready to be sent and cached. */
export interface JsonResponse {
  /** UTF-8 JSON. As bytes, it is encoded and counted once. */
  body: Buffer
  headers: { etag: string, link?: string }
}

/** A page of a list, with the `Link` header to the next page while there is one. */
export function pageResponse<Row> (request: FastifyRequest, schema: TSchema, { rows, next }: Page<Row>): JsonResponse {
  const text = serialize(schema, rows)
  if (next === undefined) return jsonResponse(text, { etag: entityTag(text) })
  const link = nextLink(request, next)
  return jsonResponse(text, { etag: entityTag(text, link), link })
}

/** One resource, with its entity tag. */
export function resourceResponse (schema: TSchema, resource: object, etag: string): JsonResponse {
  return jsonResponse(serialize(schema, resource), { etag })
}

export function jsonResponse (text: string, headers: JsonResponse['headers']): JsonResponse {
  // A buffer of its own: a slice of Node's shared pool would keep the whole pool alive.
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  body.write(text)
  return { body, headers }
}
