import type { IncomingHttpHeaders } from 'node:http'

/** Where in somebody's trace a request belongs. */
export interface TraceParent {
  traceId: string
  /** The span that asked. */
  parentId: string
  /** Whether who asked keeps the trace. */
  sampled: boolean
}

// https://www.w3.org/TR/trace-context/#traceparent-header
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?$/
const longest = 256

/** The trace that a `traceparent` header names; undefined where it is not well formed, as two of them in one are not. */
export function readTraceParent (header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string' || header.length > longest) return undefined
  const [, version, traceId, parentId, flags = '', more] = traceparent.exec(header) ?? []
  if (traceId === undefined || parentId === undefined) return undefined
  // Only a version to come may say more.
  return version === '00' && more !== undefined ? undefined : { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

interface TracedRequest {
  span?: { traceId: string } | null
  headers: IncomingHttpHeaders
}

/** The trace that a request belongs to: that of its span, or else that of its caller. */
export function traceIdOf ({ span, headers }: TracedRequest): string | undefined {
  return span?.traceId ?? readTraceParent(headers.traceparent)?.traceId
}
