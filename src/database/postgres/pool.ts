import pg, { type Pool, type PoolClient } from 'pg'
import type { PostgresPool } from 'kysely'
import type { PoolStatistics } from '../handle.ts'
import { PostgresClient } from './client.ts'
import { isRejectedStartupParameter, markUnavailable, StandbyError } from './errors.ts'
import { PooledConnection } from './pooled-connection.ts'
import type { PostgresSettings } from './url.ts'

/** Load balancers and rotated credentials take effect when a connection is replaced. */
const maxConnectionLifetimeSeconds = 1_800
/**
 * The limit of the driver where the URL switches the server's limit off. A frozen server or pooler never
 * responds.
 */
const defaultQueryTimeoutMs = 60_000

interface PoolOptions {
  maxConnections: number
  hasTimeLimits: boolean
}

/** Shared by all pools of a database. */
export interface PoolerState {
  /** Some poolers, such as PgBouncer, reject `statement_timeout` at the start of a connection. */
  acceptsStatementTimeout: boolean
  onNotice: (message: string) => void
}

/** Creates the driver's pool. It connects when the first query needs a connection. */
export function createPool (settings: PostgresSettings, pooler: PoolerState, { maxConnections, hasTimeLimits }: PoolOptions): ConnectionPool {
  const types = new pg.TypeOverrides()
  // Ids count up from 1 and stay below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const { statementTimeoutMs } = settings
  const pool = new pg.Pool({
    Client: PostgresClient,
    connectionString: settings.connectionString,
    types,
    application_name: settings.applicationName,
    max: maxConnections,
    maxLifetimeSeconds: maxConnectionLifetimeSeconds,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    keepAlive: true,
    // The server cancels a slow statement. Where the server does not respond, the driver gives up a second
    // later.
    ...hasTimeLimits && pooler.acceptsStatementTimeout && { statement_timeout: statementTimeoutMs },
    ...hasTimeLimits && { query_timeout: statementTimeoutMs === 0 ? defaultQueryTimeoutMs : statementTimeoutMs + 1_000 }
  })
  // A connection that breaks while it is idle is replaced, or fails its next query. An `error` event without
  // a listener would crash the process.
  pool.on('error', () => {})
  pool.on('connect', client => { client.on('error', () => {}) })
  return new ConnectionPool(pool, pooler)
}

/**
 * A pool that never hands out a connection to a standby, and that goes without parameters which a pooler
 * rejects.
 */
export class ConnectionPool implements PostgresPool {
  readonly #pool: Pool
  readonly #pooler: PoolerState
  /**
   * When the first waiting query began to wait. It is at latest the start of the query that was served last.
   */
  #waitingSince = 0

  constructor (pool: Pool, pooler: PoolerState) {
    this.#pool = pool
    this.#pooler = pooler
  }

  get options (): Pool['options'] {
    return this.#pool.options
  }

  async connect (): Promise<PooledConnection> {
    const startedAt = performance.now()
    if (this.#pool.waitingCount === 0) this.#waitingSince = startedAt
    try {
      return new PooledConnection(await this.#connectToPrimary())
    } catch (error) {
      throw markUnavailable(error)
    } finally {
      // The pool serves queries in order, so all others began to wait later.
      if (startedAt > this.#waitingSince) this.#waitingSince = startedAt
    }
  }

  get statistics (): PoolStatistics {
    const { totalCount: open, idleCount: idle, waitingCount: waiting, options: { max: maxConnections } } = this.#pool
    return { maxConnections, open, idle, waiting, waitMs: waiting === 0 ? 0 : performance.now() - this.#waitingSince }
  }

  end (): Promise<void> {
    return this.#pool.end()
  }

  /** A standby may be stale for ever, so not even reads use it. */
  async #connectToPrimary (): Promise<PoolClient & PostgresClient> {
    const client = await this.#connect()
    try {
      if (await client.isStandby()) throw new StandbyError()
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  async #connect (): Promise<PoolClient & PostgresClient> {
    try {
      // The pool creates its clients with the class in its options.
      return await this.#pool.connect() as PoolClient & PostgresClient
    } catch (error) {
      if (!isRejectedStartupParameter(error, 'statement_timeout') || this.#pool.options.statement_timeout === undefined) throw error
    }
    delete this.#pool.options.statement_timeout
    if (this.#pooler.acceptsStatementTimeout) {
      this.#pooler.acceptsStatementTimeout = false
      this.#pooler.onNotice('the connection pooler rejects statement_timeout; the service itself cancels slow queries')
    }
    return this.#connect()
  }
}
