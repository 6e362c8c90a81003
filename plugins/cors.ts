import cors from '@fastify/cors'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

interface CorsOptions {
  corsOrigins: string[]
}

/** Allows pages of the configured origins to call the service. Without any, browsers block pages of all other origins. */
const crossOrigin: FastifyPluginAsync<CorsOptions> = async (fastify, { corsOrigins }) => {
  if (corsOrigins.length === 0) return
  await fastify.register(cors, {
    origin: corsOrigins,
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Traceparent', 'Tracestate', 'X-Request-Id'],
    exposedHeaders: ['Allow', 'ETag', 'Link', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
    maxAge: 600,
    // An OPTIONS request that is no preflight gets the response to a preflight.
    strictPreflight: false
  })
}

export default fp(crossOrigin, { name: 'cors' })
