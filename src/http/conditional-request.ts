import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../problems/catalogue.ts'

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

/**
 * The conditions of a request (RFC 9110 13.1). The service ignores dates, because its entity tags are exact.
 */
export type Preconditions = Pick<IncomingHttpHeaders, 'if-match' | 'if-none-match'>

/**
 * Checks the conditions of a request that changes or deletes a resource, in the order of RFC 9110 13.2.2.
 * @param tag the current entity tag of the resource
 * @throws {Problem} `precondition_failed`
 */
export function checkPreconditions ({ 'if-match': ifMatch, 'if-none-match': ifNoneMatch }: Preconditions, tag: string): void {
  checkIfMatch(ifMatch, tag)
  if (ifNoneMatch !== undefined && includesTag(ifNoneMatch, tag)) {
    throw new Problem('precondition_failed', 'The resource has an entity tag that If-None-Match excludes.')
  }
}

/**
 * Whether the conditions depend on the version of the resource. `*` only demands that the resource exists.
 */
export function dependsOnVersion ({ 'if-match': ifMatch, 'if-none-match': ifNoneMatch }: Preconditions): boolean {
  return (ifMatch !== undefined && ifMatch.trim() !== '*') || ifNoneMatch !== undefined
}

function checkIfMatch (ifMatch: string | undefined, tag: string): void {
  if (ifMatch === undefined || includesTag(ifMatch, tag)) return
  throw new Problem('precondition_failed', 'The resource has changed since you read it. Read it again, and repeat the request.')
}

/**
 * Sets the caching headers of a response to GET or HEAD, and its status to 304 where the client has the
 * representation. No other code decides about 304. Clients cache responses privately and revalidate each
 * time. Call it before `Content-Type` is set: removing that header later costs a tenth of the request.
 * @returns true for 304: send `emptyBody`
 * @throws {Problem} `precondition_failed` where `If-Match` has another tag. RFC 9110 13.2.2 checks it first.
 */
export function setNotModified (request: FastifyRequest, reply: FastifyReply, tag: string): boolean {
  checkIfMatch(request.headers['if-match'], tag)
  reply.header('etag', tag).header('cache-control', 'private, no-cache').header('vary', varyBy(reply, 'Authorization'))
  const ifNoneMatch = request.headers['if-none-match']
  if (ifNoneMatch === undefined || !includesTag(ifNoneMatch, tag)) return false
  reply.code(304)
  return true
}

/** The body of a 304 response. Fastify's HEAD routes count the bytes of every payload except a stream. */
export function emptyBody ({ method }: FastifyRequest): Readable | undefined {
  return method === 'HEAD' ? Readable.from([]) : undefined
}

/**
 * An `onSend` hook for routes that return objects. It tags each successful response to GET or HEAD: with the
 * `ETag` that the handler set, or with a hash of the payload.
 */
export function sendConditionally (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: unknown, payload?: unknown) => void): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || reply.statusCode !== 200) return done(null)
  const tag = String(reply.getHeader('etag') ?? entityTag(String(payload), String(reply.getHeader('link'))))
  try {
    if (!setNotModified(request, reply, tag)) return done(null)
  } catch (error) {
    return done(error)
  }
  reply.removeHeader('content-type').removeHeader('content-length')
  done(null, emptyBody(request) ?? null)
}

/**
 * Whether a list of entity tags contains a tag. A proxy that compresses responses weakens their tags, or adds
 * the name of the coding. Such a tag still names the same version, so both comparisons of RFC 9110 8.8.3.2
 * are the same here.
 */
function includesTag (header: string, tag: string): boolean {
  // Entity tags may contain commas. The tags of this service do not, so a split at commas finds them.
  return header.trim() === '*' || header.split(',').some(item => {
    const strong = item.trim().replace(/^W\//, '')
    return strong === tag || strong.replace(/[-;:+]{1,2}(?:gzip|br|zstd|deflate)"$/, '"') === tag
  })
}

function varyBy (reply: FastifyReply, field: string): string {
  const others = reply.getHeader('vary')
  return others === undefined ? field : `${others}, ${field}`
}
