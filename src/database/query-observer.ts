import type { LogEvent } from 'kysely'

/** A finished query. */
export interface QueryObservation {
  kind: 'read' | 'write' | 'transaction'
  /** Without the wait for a connection. */
  durationSeconds: number
  failed: boolean
}

export type ObserveQuery = (query: QueryObservation) => void

/** Turns Kysely's log events into observations. */
export function queryLog (observe: ObserveQuery): (event: LogEvent) => void {
  return ({ level, query: { query: { kind }, sql }, queryDurationMillis }) => {
    observe({ kind: kindOf(kind, sql), durationSeconds: queryDurationMillis / 1000, failed: level === 'error' })
  }
}

function kindOf (nodeKind: string, sql: string): QueryObservation['kind'] {
  if (nodeKind === 'SelectQueryNode') return 'read'
  if (nodeKind !== 'RawNode') return 'write'
  if (/^\s*(begin|start|commit|rollback|savepoint|release|set transaction)/i.test(sql)) return 'transaction'
  return /^\s*(select|with|pragma)/i.test(sql) ? 'read' : 'write'
}
