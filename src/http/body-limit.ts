import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import { Problem } from '../problems.ts'

/** The largest body of a route that names no other limit. Most of these routes read no body at all. */
export const maxBodyBytes = 1024

type Done = (error: Error | null, payload?: RequestPayload) => void

/**
 * A `preParsing` hook: rejects a GET or HEAD request with a large body by its `Content-Length`.
 * Fastify checks the limit of a route for the other methods, and ignores the body of these two.
 * Node would then read the whole body to find the next request on the connection.
 */
export function limitIgnoredBody (request: FastifyRequest, reply: FastifyReply, payload: RequestPayload, done: Done): void {
  const { method, headers } = request
  const length = headers['content-length']
  if (method !== 'GET' && method !== 'HEAD') return done(null, payload)
  // The end of a chunked body is unknown, so the connection ends with the response.
  if (headers['transfer-encoding'] !== undefined) reply.header('connection', 'close')
  if (length === undefined || Number(length) <= maxBodyBytes) return done(null, payload)
  reply.header('connection', 'close')
  done(new Problem('payload_too_large', 'The body is larger than is taken here.'))
}
