import cors from '@fastify/cors'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { corsRule } from '../src/http/cors-origins.ts'

interface CorsOptions {
  corsOrigins: string[]
  /** Request headers that are allowed beside `usualHeaders`. */
  corsHeaders: string[]
}

/** The headers of the service's own clients, and those that tracing in browsers adds to each request. */
const usualHeaders = [
  'Authorization', 'Cache-Control', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Prefer', 'X-Request-Id', 'X-Requested-With',
  'Traceparent', 'Tracestate', 'Baggage', 'Sentry-Trace', 'X-Amzn-Trace-Id',
  'X-Datadog-Origin', 'X-Datadog-Parent-Id', 'X-Datadog-Sampling-Priority', 'X-Datadog-Tags', 'X-Datadog-Trace-Id'
]

/**
 * Allows pages and apps of the configured origins to call the service. Without any, browsers block pages of
 * all other origins.
 */
const crossOrigin: FastifyPluginAsync<CorsOptions> = async (fastify, { corsOrigins, corsHeaders }) => {
  if (corsOrigins.length === 0) return
  await fastify.register(cors, {
    origin: corsOrigins.map(corsRule),
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: [...usualHeaders, ...corsHeaders],
    exposedHeaders: ['Allow', 'ETag', 'Link', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
    maxAge: 600,
    // An OPTIONS request that is no preflight gets the response to a preflight.
    strictPreflight: false
  })
}

export default fp(crossOrigin, { name: 'cors' })
