import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { Problem } from '../problems/catalogue.ts'

/**
 * The largest body of a route that names no other limit. An article whose name has 50 characters, all escaped (`\ud83d\ude00`),
 * makes 611 bytes; the rest is for white space. Most other routes read no body at all.
 */
export const maxBodyBytes = 4 * 1024

/**
 * An `onRoute` hook that limits the bodies of GET and HEAD requests, which Fastify ignores. Node would read the whole body to
 * find the next request on the connection. The hooks run after all guards. A `preParsing` hook would cost every read 3 µs.
 */
export function limitIgnoredBodies (route: RouteOptions): void {
  if (route.method !== 'GET' && route.method !== 'HEAD') return
  route.onRequest = [route.onRequest ?? [], refuseLargeBody].flat()
}

function refuseLargeBody ({ headers }: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
  const length = headers['content-length']
  if (length === undefined || Number(length) <= maxBodyBytes) return done()
  reply.header('connection', 'close')
  done(new Problem('payload_too_large', 'The body is larger than is taken here.'))
}

/**
 * Whether a body is still arriving that may be larger than its route takes. A chunked body may have no end. The connection has
 * to end with the response: Node would read the whole body, at 40 MB/s for 30 s, to find the next request.
 */
export function hasLargeUnfinishedBody ({ headers, raw, routeOptions: { bodyLimit = maxBodyBytes } }: FastifyRequest): boolean {
  return !raw.complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > bodyLimit)
}
