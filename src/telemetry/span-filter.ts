import { SpanStatusCode, type Attributes, type Context } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, type ReadableSpan, type Span, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { FastifyBaseLogger } from 'fastify'

/** How long a batch may take, in milliseconds; it is dropped then. */
const timeout = 1_000

// @fastify/otel also records the address as it was sent, query and all, in which a client may have put a token, and folders of this machine.
const recorded = new Set(['http.request.method', 'http.route', 'http.response.status_code', 'db.system.name', 'db.operation.name'])

/** Sends spans in batches, with nothing in them that a client chose, and no message of an error. */
export class DiscreetProcessor implements SpanProcessor {
  readonly #batches: BatchSpanProcessor

  constructor (url: string, log: FastifyBaseLogger) {
    this.#batches = new BatchSpanProcessor({ exporter: tellOfOutages(new OTLPTraceExporter({ url, timeoutMillis: timeout }), log), exportTimeoutMillis: timeout })
  }

  onStart (span: Span, context: Context): void {
    this.#batches.onStart(span, context)
  }

  onEnd (span: ReadableSpan): void {
    const attributes: Attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => recorded.has(name)))
    // https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status: what the client did wrong is no error of the server's.
    // A guard that rejects a request does its work: the spans of hooks and handlers have no status of their own.
    const isServerError = Number(attributes['http.response.status_code']) >= 500
    const isQuery = attributes['db.operation.name'] !== undefined
    const failed = span.status.code === SpanStatusCode.ERROR && (isServerError || isQuery)
    if (isServerError) attributes['error.type'] = `${attributes['http.response.status_code']}`
    // What has no name is called by the plugins and folders that it came through.
    const name = span.attributes['hook.callback.name'] === 'anonymous' ? span.name.replace(/ - .*/s, '') : span.name
    this.#batches.onEnd(Object.create(span, {
      name: { value: name },
      attributes: { value: attributes },
      status: { value: { code: failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET } }
    }))
  }

  forceFlush (): Promise<void> {
    return this.#batches.forceFlush()
  }

  shutdown (): Promise<void> {
    return this.#batches.shutdown()
  }
}

/** One line when spans cannot be sent any more, and one when they can again. */
function tellOfOutages (exporter: SpanExporter, log: FastifyBaseLogger): SpanExporter {
  let reachable = true
  return {
    export: (spans, done) => exporter.export(spans, result => {
      const delivered = result.code === 0
      if (reachable && !delivered) log.warn({ err: result.error }, 'traces cannot be sent, and are dropped')
      if (!reachable && delivered) log.info('traces are sent again')
      reachable = delivered
      done(result)
    }),
    shutdown: () => exporter.shutdown()
  }
}
