import type { LogEvent } from 'kysely'

/** A query that is over. */
export interface QueryObservation {
  kind: 'read' | 'write' | 'transaction'
  /** Seconds, without the wait for a connection. */
  duration: number
  failed: boolean
}

export type ObserveQuery = (query: QueryObservation) => void

/** Tells an observer of queries as Kysely logs them. */
export function queryLog (observe: ObserveQuery): (event: LogEvent) => void {
  return ({ level, query: { query: { kind }, sql }, queryDurationMillis }) => {
    observe({ kind: kindOf(kind, sql), duration: queryDurationMillis / 1000, failed: level === 'error' })
  }
}

function kindOf (node: string, sql: string): QueryObservation['kind'] {
  if (node === 'SelectQueryNode') return 'read'
  if (node !== 'RawNode') return 'write'
  if (/^\s*(begin|start|commit|rollback|savepoint|release|set transaction)/i.test(sql)) return 'transaction'
  return /^\s*(select|with|pragma)/i.test(sql) ? 'read' : 'write'
}
