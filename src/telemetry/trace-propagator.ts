import { trace, TraceFlags, type Context, type TextMapGetter, type TextMapPropagator, type TextMapSetter } from '@opentelemetry/api'
import { readTraceParent } from './trace-context.ts'

/**
 * Reads the trace of a request from `traceparent`, by the same rules as the log. The service propagates no
 * trace: it calls no other service of its own.
 */
export class TraceParentPropagator implements TextMapPropagator {
  inject (_context: Context, _carrier: unknown, _setter: TextMapSetter): void {}

  extract (context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const parent = readTraceParent(getter.get(carrier, 'traceparent'))
    if (parent === undefined) return context
    const { traceId, parentId, sampled } = parent
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    return trace.setSpanContext(context, { traceId, spanId: parentId, traceFlags, isRemote: true })
  }

  fields (): string[] {
    return ['traceparent']
  }
}
