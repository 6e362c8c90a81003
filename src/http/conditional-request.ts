import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'

export const IfMatchSchema = Type.Object({
  'if-match': Type.Optional(Type.String({ maxLength: 1000, description: 'Only where the representation still has this entity tag.' }))
})

/** A strong entity tag (RFC 9110 8.8.3) of all that a representation says. */
export function entityTag (...parts: string[]): string {
  return `"${hash('sha256', parts.join('\n'), 'base64url').slice(0, 27)}"`
}

/** Whether an `If-Match` forbids to change the representation in hand (RFC 9110 13.1.1: the comparison is strong). */
export function isStale (ifMatch: string | undefined, tag: string): boolean {
  return ifMatch !== undefined && !names(ifMatch, tag)
}

/**
 * An `onSend` hook: what is read gets an `ETag`, the handler's or one of its bytes, and who has it already gets 304.
 * Everything may be kept by the client alone, and asked for again each time.
 */
export function sendConditionally (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload?: unknown) => void): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || (reply.statusCode !== 200 && reply.statusCode !== 304)) {
    done(null)
    return
  }
  const given = reply.getHeader('etag')
  const tag = String(given ?? entityTag(String(payload), String(reply.getHeader('link'))))
  if (given === undefined) reply.header('etag', tag)
  reply.header('cache-control', 'private, no-cache').header('vary', varyBy(reply, 'Authorization'))
  if (reply.statusCode === 304 || !isNotModified(request, tag)) {
    done(null)
    return
  }
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  // Fastify's own HEAD routes count the bytes of every payload that is no stream, and fail on null.
  done(null, request.method === 'HEAD' ? Readable.from([]) : null)
}

/** Whether the client of a request has the representation with this tag already (RFC 9110 13.1.2: the comparison is weak). */
export function isNotModified ({ headers: { 'if-none-match': ifNoneMatch } }: FastifyRequest, tag: string): boolean {
  return ifNoneMatch !== undefined && names(ifNoneMatch.replaceAll('W/"', '"'), tag)
}

// A tag may hold a comma; none of ours does.
function names (header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some(item => item.trim() === tag)
}

function varyBy (reply: FastifyReply, field: string): string {
  const others = reply.getHeader('vary')
  return others === undefined ? field : `${others}, ${field}`
}
