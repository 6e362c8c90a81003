import type { Database } from './tables.ts'

/** How it stands with a database; what it does not have is undefined. */
export interface DatabaseStatistics {
  pool?: { size: number, open: number, idle: number, waiting: number }
  /** Commits of writes that arrived together, and those writes. */
  grouped?: { commits: number, writes: number }
}

const sources = new WeakMap<Database, () => DatabaseStatistics>()

export function databaseStatistics (db: Database): DatabaseStatistics {
  return sources.get(db)?.() ?? {}
}

/** Says where the statistics of a database come from. */
export function provideStatistics (db: Database, source: () => DatabaseStatistics): void {
  sources.set(db, source)
}
