import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The request headers of a route that changes or deletes one resource. */
export const IfMatchSchema = Type.Object({
  'if-match': Type.Optional(Type.String({
    maxLength: 1000,
    description: 'The entity tags that the resource may have. With any other tag the response is 412.'
  }))
})

/** A strong entity tag (RFC 9110 8.8.3) of all parts of a representation. */
export function entityTag (...parts: string[]): string {
  return `"${hash('sha256', parts.join('\n'), 'base64url').slice(0, 27)}"`
}

/** Whether `If-Match` forbids a change of the representation with this tag (RFC 9110 13.1.1: the comparison is strong). */
export function isStale (ifMatch: string | undefined, tag: string): boolean {
  return ifMatch !== undefined && !includesTag(ifMatch, tag)
}

/**
 * Sets the caching headers of a response to GET or HEAD, and its status to 304 where the client has the representation.
 * No other code decides about 304. Clients cache responses privately and revalidate each time.
 * Call it before `Content-Type` is set: removing that header later costs a tenth of the request.
 * @returns true for 304: send `emptyBody`
 */
export function setNotModified (request: FastifyRequest, reply: FastifyReply, tag: string): boolean {
  reply.header('etag', tag).header('cache-control', 'private, no-cache').header('vary', varyBy(reply, 'Authorization'))
  if (!isNotModified(request, tag)) return false
  reply.code(304)
  return true
}

/** The body of a 304 response. Fastify's HEAD routes count the bytes of every payload except a stream. */
export function emptyBody ({ method }: FastifyRequest): Readable | undefined {
  return method === 'HEAD' ? Readable.from([]) : undefined
}

/**
 * An `onSend` hook for routes that return objects. It tags each successful response to GET or HEAD: with the `ETag` that
 * the handler set, or with a hash of the payload.
 */
export function sendConditionally (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload?: unknown) => void): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || reply.statusCode !== 200) return done(null)
  const tag = String(reply.getHeader('etag') ?? entityTag(String(payload), String(reply.getHeader('link'))))
  if (!setNotModified(request, reply, tag)) return done(null)
  reply.removeHeader('content-type').removeHeader('content-length')
  done(null, emptyBody(request) ?? null)
}

/** RFC 9110 13.1.2: the comparison of `If-None-Match` is weak. */
function isNotModified ({ headers: { 'if-none-match': ifNoneMatch } }: FastifyRequest, tag: string): boolean {
  return ifNoneMatch !== undefined && includesTag(ifNoneMatch.replaceAll('W/"', '"'), tag)
}

// Entity tags may contain commas. The tags of this service do not, so a split at commas finds them.
function includesTag (header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some(item => item.trim() === tag)
}

function varyBy (reply: FastifyReply, field: string): string {
  const others = reply.getHeader('vary')
  return others === undefined ? field : `${others}, ${field}`
}
