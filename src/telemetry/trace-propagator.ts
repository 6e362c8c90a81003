import { trace, TraceFlags, type Context, type TextMapGetter, type TextMapPropagator, type TextMapSetter } from '@opentelemetry/api'
import { readTraceParent } from './trace-context.ts'

/** Takes traces over from `traceparent`, read by the same rules as for the log; the service calls nobody that it would hand them on to. */
export class TraceParentPropagator implements TextMapPropagator {
  inject (_context: Context, _carrier: unknown, _setter: TextMapSetter): void {}

  extract (context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const parent = readTraceParent(getter.get(carrier, 'traceparent'))
    if (parent === undefined) return context
    const { traceId, parentId, sampled } = parent
    return trace.setSpanContext(context, { traceId, spanId: parentId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true })
  }

  fields (): string[] {
    return ['traceparent']
  }
}
