import { Kysely } from 'kysely'
import type { DatabaseHandle, DatabaseStatistics, OpenOptions, PoolStatistics, SeparateConnection } from '../handle.ts'
import { queryLog } from '../query-observer.ts'
import type { Database, Tables } from '../tables.ts'
import { PostgresDialectWithoutLock } from './migration-lock.ts'
import type { ConnectionPool, PoolerState } from './pool.ts'
import { waitUntilReachable } from './startup-wait.ts'
import { readPostgresUrl, type PostgresSettings } from './url.ts'

/** Before the first query there is no pool yet. */
const unusedPool: PoolStatistics = { maxConnections: 0, open: 0, idle: 0, waiting: 0, waitMs: 0 }

export class PostgresDatabase implements DatabaseHandle {
  readonly db: Database
  readonly isSqlite = false
  readonly #settings: PostgresSettings
  readonly #pooler: PoolerState
  #pool: ConnectionPool | undefined

  /** @throws {Error} where the URL is invalid */
  constructor (url: string, { onQuery, onNotice = () => {} }: OpenOptions) {
    const settings = readPostgresUrl(url)
    if (settings === undefined) throw new Error('this is not a URL of a PostgreSQL database')
    this.#settings = settings
    this.#pooler = { acceptsStatementTimeout: true, onNotice }
    const pool = async () => {
      this.#pool = await this.#createPool(settings.maxConnections, true)
      return this.#pool
    }
    this.db = new Kysely<Tables>({ dialect: new PostgresDialectWithoutLock({ pool }), ...onQuery && { log: queryLog(onQuery) } })
  }

  dataVersion (): undefined {
    return undefined
  }

  statistics (): DatabaseStatistics {
    return { pool: this.#pool?.statistics ?? unusedPool }
  }

  async replaceFile (): Promise<false> {
    return false
  }

  async withoutTimeLimits<Result> (work: (db: Database) => Promise<Result>): Promise<Result> {
    const { db, close } = this.#openConnection(false)
    try {
      await waitUntilReachable(db, this.#settings.startTimeoutMs, this.#pooler.onNotice)
      return await work(db)
    } finally {
      await close()
    }
  }

  openSeparateConnection (): SeparateConnection {
    return this.#openConnection(true)
  }

  close (): Promise<void> {
    return this.db.destroy()
  }

  #openConnection (hasTimeLimits: boolean): SeparateConnection {
    const pool = () => this.#createPool(1, hasTimeLimits)
    const db = new Kysely<Tables>({ dialect: new PostgresDialectWithoutLock({ pool }) })
    return { db, close: () => db.destroy() }
  }

  /** Loads the driver here, so that a service on SQLite starts without it. */
  async #createPool (maxConnections: number, hasTimeLimits: boolean): Promise<ConnectionPool> {
    const { createPool } = await import('./pool.ts')
    return createPool(this.#settings, this.#pooler, { maxConnections, hasTimeLimits })
  }
}
