import type { IncomingHttpHeaders } from 'node:http'

/** The place of a request in the trace of its client. */
export interface TraceParent {
  traceId: string
  /** The span of the client. */
  parentId: string
  /** Whether the client records the trace. */
  sampled: boolean
}

// https://www.w3.org/TR/trace-context/#traceparent-header
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?$/
const maxHeaderLength = 256

/** Reads a `traceparent` header. Returns undefined for a malformed header, such as two values in one. */
export function readTraceParent (header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string' || header.length > maxHeaderLength) return undefined
  const [, version, traceId, parentId, flags = '', extension] = traceparent.exec(header) ?? []
  if (traceId === undefined || parentId === undefined) return undefined
  // Only a version after 00 may have an extension.
  if (version === '00' && extension !== undefined) return undefined
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

interface TracedRequest {
  span?: { traceId: string } | null
  headers: IncomingHttpHeaders
}

/** The trace of a request: that of its span, or else that of its client. */
export function traceIdOf ({ span, headers }: TracedRequest): string | undefined {
  return span?.traceId ?? readTraceParent(headers.traceparent)?.traceId
}
