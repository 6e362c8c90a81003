import { SpanStatusCode, type Attributes, type Context } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, type ReadableSpan, type Span, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { FastifyBaseLogger } from 'fastify'

/** A batch that takes longer is dropped. */
const exportTimeoutMs = 1_000

// @fastify/otel also records the URL with its query, in which a client may have put a token, and paths of
// this machine.
const allowedAttributes = new Set([
  'http.request.method', 'http.route', 'http.response.status_code', 'db.system.name', 'db.operation.name'
])

/** Sends spans in batches, without anything that a client chose and without error messages. */
export class FilteringSpanProcessor implements SpanProcessor {
  readonly #batches: BatchSpanProcessor

  constructor (url: string, log: FastifyBaseLogger) {
    const exporter = logOutages(new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs }), log)
    this.#batches = new BatchSpanProcessor({ exporter, exportTimeoutMillis: exportTimeoutMs })
  }

  onStart (span: Span, context: Context): void {
    this.#batches.onStart(span, context)
  }

  onEnd (span: ReadableSpan): void {
    const entries = Object.entries(span.attributes).filter(([name]) => allowedAttributes.has(name))
    const attributes: Attributes = Object.fromEntries(entries)
    // A client error is no error of the server:
    // https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status A guard that rejects a request
    // works as intended. The spans of hooks and handlers have no status of their own.
    const isServerError = Number(attributes['http.response.status_code']) >= 500
    const isQuery = attributes['db.operation.name'] !== undefined
    const isError = span.status.code === SpanStatusCode.ERROR && (isServerError || isQuery)
    if (isServerError) attributes['error.type'] = `${attributes['http.response.status_code']}`
    // The name of an anonymous hook ends with the paths of its plugins.
    const isAnonymous = span.attributes['hook.callback.name'] === 'anonymous'
    this.#batches.onEnd(Object.create(span, {
      name: { value: isAnonymous ? span.name.replace(/ - .*/s, '') : span.name },
      attributes: { value: attributes },
      status: { value: { code: isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET } }
    }))
  }

  forceFlush (): Promise<void> {
    return this.#batches.forceFlush()
  }

  shutdown (): Promise<void> {
    return this.#batches.shutdown()
  }
}

/** Logs one line when an outage of the receiver begins, and one when it ends. */
function logOutages (exporter: SpanExporter, log: FastifyBaseLogger): SpanExporter {
  let isReachable = true
  return {
    export: (spans, done) => exporter.export(spans, result => {
      const isDelivered = result.code === 0
      if (isReachable && !isDelivered) log.warn({ err: result.error }, 'traces cannot be sent and are dropped')
      if (!isReachable && isDelivered) log.info('traces are sent again')
      isReachable = isDelivered
      done(result)
    }),
    shutdown: () => exporter.shutdown()
  }
}
