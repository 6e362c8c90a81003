import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { Problem } from '../problems.ts'

/** The largest body of a route that names no other limit. Most of these routes read no body at all. */
export const maxBodyBytes = 1024

/**
 * An `onRoute` hook: GET and HEAD requests with a large body are rejected by their `Content-Length`, after all guards.
 * Fastify checks the limit of a route for the other methods, and ignores the body of these two.
 * Node would then read the whole body to find the next request on the connection.
 * A `preParsing` hook would do the same, and cost every read 3 µs.
 */
export function limitIgnoredBodies (route: RouteOptions): void {
  if (route.method !== 'GET' && route.method !== 'HEAD') return
  route.onRequest = [route.onRequest ?? [], limitIgnoredBody].flat()
}

function limitIgnoredBody ({ headers }: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
  const length = headers['content-length']
  // The end of a chunked body is unknown, so the connection ends with the response.
  if (headers['transfer-encoding'] !== undefined) reply.header('connection', 'close')
  if (length === undefined || Number(length) <= maxBodyBytes) return done()
  reply.header('connection', 'close')
  done(new Problem('payload_too_large', 'The body is larger than is taken here.'))
}
