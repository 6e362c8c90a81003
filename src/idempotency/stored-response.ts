import type { FastifyReply } from 'fastify'

/** A response that is sent to the first request and again to each retry. */
export interface StoredResponse {
  status: number
  /**
   * The headers that describe the body or the resource. Each response adds its own, such as the request id.
   */
  headers: Record<string, string>
  body: string
}

/** The response 201 with the JSON of a new resource, its path and its entity tag. */
export function createdResponse (body: string, location: string, etag: string): StoredResponse {
  return { status: 201, headers: { location, etag, 'content-type': 'application/json; charset=utf-8' }, body }
}

/**
 * Sets status and headers of a stored response. The body is sent as stored, even if the schema has changed
 * since.
 * @returns the body, for the handler to return. A handler that calls `reply.send` or returns the reply costs
 *   40 µs more.
 */
export function prepareReply (reply: FastifyReply, { status, headers, body }: StoredResponse): string {
  reply.code(status).headers(headers)
  return body
}
