import type { Database } from './tables.ts'

/** How it stands with a database; what it does not have is undefined. */
export interface DatabaseStatistics {
  pool?: PoolStatistics
  /** Commits of what arrived together, and how many writes and transactions that was. */
  grouped?: { commits: number, writes: number }
}

export interface PoolStatistics {
  size: number
  open: number
  idle: number
  /** Queries that wait for a connection. */
  waiting: number
  /** For how long the first of them has waited at most, in milliseconds. */
  wait: number
}

const sources = new WeakMap<Database, () => DatabaseStatistics>()

export function databaseStatistics (db: Database): DatabaseStatistics {
  return sources.get(db)?.() ?? {}
}

/** Says where the statistics of a database come from. */
export function provideStatistics (db: Database, source: () => DatabaseStatistics): void {
  sources.set(db, source)
}
