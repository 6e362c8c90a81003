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
  route.onSend = [route.onSend ?? [], closeBeforeUnfinishedBody].flat()
}

function refuseLargeBody ({ headers }: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
  const length = headers['content-length']
  if (length === undefined || Number(length) <= maxBodyBytes) return done()
  reply.header('connection', 'close')
  done(new Problem('payload_too_large', 'The body is larger than is taken here.'))
}

/** A chunked body may have no end. The connection ends with the response, unless the body came with the request. */
function closeBeforeUnfinishedBody ({ headers, raw }: FastifyRequest, reply: FastifyReply, _payload: unknown, done: HookHandlerDoneFunction): void {
  if (headers['transfer-encoding'] !== undefined && !raw.complete) reply.header('connection', 'close')
  done()
}
