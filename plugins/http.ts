import { isUtf8 } from 'node:buffer'
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { limitIgnoredBodies } from '../src/http/body-limit.ts'
import { hasOneHost } from '../src/http/host-header.ts'
import { isQueryUtf8 } from '../src/http/query-encoding.ts'
import { securityHeaders } from '../src/http/security-headers.ts'
import { compileSerializer } from '../src/http/serializer.ts'
import { compileValidator } from '../src/http/validator.ts'
import { Problem } from '../src/problems/catalogue.ts'

/**
 * The rules of HTTP for every request: one Host header, JSON bodies of a limited size, security headers and a
 * request id.
 */
const http: FastifyPluginAsync = async fastify => {
  fastify.setValidatorCompiler(compileValidator)
  fastify.setSerializerCompiler(compileSerializer)
  acceptJsonOnly(fastify)
  ignoreUnknownExpectations(fastify.server)

  fastify.addHook('onRoute', limitIgnoredBodies)
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(securityHeaders)
    if (!hasOneHost(request.raw)) done(new Problem('validation_failed', 'Send exactly one Host header.'))
    else if (!isQueryUtf8(request.url)) done(new Problem('validation_failed', 'Encode the query as UTF-8 before percent-encoding.'))
    else done()
  })
  fastify.addHook('onSend', (_request, _reply, payload, done) => {
    // A stream that fails while an `onSend` hook is pending has no error listener, and the error would crash
    // the process.
    if (payload instanceof Readable) payload.once('error', () => {})
    done()
  })
}

// RFC 9110 15.5.16 and 12.5.3.
const unsupportedCoding = new Problem('unsupported_media_type', 'Send the body without a Content-Encoding.', { headers: { 'accept-encoding': 'identity' } })

/**
 * Accepts JSON bodies only. On routes without a body schema an empty body is no body, since some clients
 * always send a media type.
 */
function acceptJsonOnly (fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const { 'content-encoding': coding = 'identity' } = request.headers
    if (coding.toLowerCase() !== 'identity') return done(unsupportedCoding)
    // RFC 8259 8.1. A decoder would replace the invalid bytes, and the replaced text would be stored.
    if (!isUtf8(body)) done(new Problem('malformed_json', 'The body is not UTF-8. Send JSON in UTF-8.'))
    else if (body.length === 0 && request.routeOptions.schema?.body === undefined) done(null)
    else parseJson(request, body.toString(), done)
  })
}

/**
 * Routes a request with an unknown `Expect` header as if the header were absent, which RFC 9110 10.1.1
 * allows. Node would respond with 417 by itself, outside of all hooks: without a rate limit, a problem detail
 * or a log line.
 */
function ignoreUnknownExpectations (server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
}

export default fp(http, { name: 'http' })
