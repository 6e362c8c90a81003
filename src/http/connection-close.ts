import type { FastifyReply } from 'fastify'
import { hasLongUnfinishedBody } from './body-limit.ts'

/**
 * Sets or removes `Connection: close` on a response. Call it when the response is about to be sent. Only this
 * module decides, except for bytes that are no HTTP request: `client-error.ts` always closes after them.
 *
 * Closes: the service is stopping. The client continues on a connection to another process. Closes: the
 * request has an `Upgrade` header. Node's parser reads no request after it. Closes: the request has a
 * `Transfer-Encoding` in HTTP/1.0 (RFC 9112 6.1). A proxy may have read its end differently. Closes: a
 * rejected body has not arrived completely. The rest would be read only to find the next request. Closes: a
 * body is unfinished, and chunked or too long for its route. The rest may have no end. Stays open: a rejected
 * body has arrived completely. Fastify would close, but the next requests may have started already. Node
 * decides: the client asks to close, or uses HTTP/1.0. Node sets the header by itself.
 */
export function setConnectionHeader (reply: FastifyReply, isStopping: boolean): void {
  if (mustClose(reply, isStopping)) reply.header('connection', 'close')
  else if (reply.hasHeader('connection') && reply.raw.shouldKeepAlive) reply.removeHeader('connection')
}

function mustClose (reply: FastifyReply, isStopping: boolean): boolean {
  const { raw } = reply.request
  if (isStopping || raw.headers.upgrade !== undefined) return true
  if (raw.httpVersion === '1.0' && raw.headers['transfer-encoding'] !== undefined) return true
  if (raw.complete) return false
  // Fastify sets the header when it rejects a body.
  return reply.hasHeader('connection') || hasLongUnfinishedBody(reply.request)
}
