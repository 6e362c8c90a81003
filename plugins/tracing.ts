import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { ObserveQuery } from '../src/database/query-observer.ts'
import { createSampler } from '../src/telemetry/sampler.ts'
import { serviceVersion } from '../src/telemetry/service-version.ts'
import { FilteringSpanProcessor } from '../src/telemetry/span-filter.ts'
import { TraceParentPropagator } from '../src/telemetry/trace-propagator.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The span of the request, if tracing is on. */
    span?: { traceId: string, spanId: string } | null
  }
}

interface TracingOptions {
  tracesEndpoint?: string | undefined
  serviceName: string
  databaseUrl: string
}

/** Time for the last spans to be sent when the service stops. */
const flushTimeoutMs = 1_500

/**
 * Records a span for every request, its guards and its queries, and sends the spans by OTLP.
 * Hooks that were added before this plugin get no span.
 */
const tracing: FastifyPluginAsync<TracingOptions> = async (fastify, { tracesEndpoint, serviceName, databaseUrl }) => {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.version': serviceVersion, 'service.instance.id': randomUUID() })
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes({ 'service.name': serviceName })),
    sampler: createSampler(process.env),
    spanProcessors: [new FilteringSpanProcessor(`${tracesEndpoint}/v1/traces`, fastify.log)]
  })
  // OpenTelemetry has one of each per process. A second service in the process keeps those of the first.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new TraceParentPropagator())

  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: ['onRequest'],
    // Health probes would be most of the traces.
    ignorePaths: ({ url }) => url.startsWith('/health/'),
    recordExceptions: false,
    requestHook: (span, request) => {
      const { method, routeOptions: { url } } = request
      span.updateName(url === undefined ? method : `${method} ${url}`)
      request.span = span.spanContext()
    }
  })
  instrumentation.setTracerProvider(provider)
  fastify.decorateRequest('span', null)
  await fastify.register(instrumentation.plugin())

  const system = databaseUrl.startsWith('sqlite:') ? 'sqlite' : 'postgresql'
  const tracer = provider.getTracer('articles')
  const traceQuery: ObserveQuery = ({ kind, durationSeconds, failed }) => {
    // The background work of the service belongs to no trace.
    if (trace.getSpan(context.active()) === undefined) return
    const span = tracer.startSpan(`database ${kind}`, {
      kind: SpanKind.CLIENT,
      startTime: Date.now() - durationSeconds * 1000,
      attributes: { 'db.system.name': system, 'db.operation.name': kind }
    })
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }
  fastify.addHook('onReady', async () => fastify.observeQueries(traceQuery))
  fastify.addHook('onClose', async () => {
    const timer = new AbortController()
    const timeout = wait(flushTimeoutMs, undefined, { signal: timer.signal }).catch(() => {})
    await Promise.race([provider.shutdown().catch(() => {}), timeout])
    timer.abort()
  })
}

export default fp(tracing, { name: 'tracing' })
