import type { Pool, PoolClient } from 'pg'
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type { PoolStatistics } from '../handle.ts'
import { isServerError, markUnavailable, readOnlyCode } from './errors.ts'
import type { PostgresSettings } from './url.ts'

interface PoolOptions {
  maxConnections: number
  hasTimeLimits: boolean
}

/** Creates the driver's pool. It connects when the first query needs a connection. */
export async function createPool (settings: PostgresSettings, { maxConnections, hasTimeLimits }: PoolOptions): Promise<ConnectionPool> {
  // Loaded here, so that a service on SQLite starts without it.
  const { default: pg } = await import('pg')
  const types = new pg.TypeOverrides()
  // Ids count up from 1 and stay below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const { statementTimeoutMs } = settings
  const pool = new pg.Pool({
    connectionString: settings.connectionString,
    types,
    application_name: settings.applicationName,
    max: maxConnections,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    keepAlive: true,
    // The server cancels a slow statement. Where the server does not answer, the driver gives up a second later.
    ...hasTimeLimits && statementTimeoutMs > 0 && { statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + 1_000 }
  })
  // A connection that breaks while it is idle is replaced, or fails its next query. An `error` event without a listener
  // would crash the process.
  pool.on('error', () => {})
  pool.on('connect', client => { client.on('error', () => {}) })
  return new ConnectionPool(pool)
}

/**
 * A pool that closes a connection after a query timed out on it, or after its server turned out to be a standby. The driver
 * would reuse that connection, and each query on it would fail.
 */
export class ConnectionPool implements PostgresPool {
  readonly #pool: Pool
  /** When the first waiting query began to wait. It is at latest the start of the query that was served last. */
  #waitingSince = 0

  constructor (pool: Pool) {
    this.#pool = pool
  }

  get options (): object {
    return this.#pool.options
  }

  async connect (): Promise<PooledConnection> {
    const startedAt = performance.now()
    if (this.#pool.waitingCount === 0) this.#waitingSince = startedAt
    try {
      return new PooledConnection(await this.#pool.connect())
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
}

class PooledConnection implements PostgresPoolClient {
  readonly #client: PoolClient
  /** The error after which the connection is unusable. */
  #fatalError: Error | undefined

  constructor (client: PoolClient) {
    this.#client = client
  }

  query<Row> (statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row> (cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query<Row> (statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new Error('cursors are not supported')
    return this.#query(statement, parameters)
  }

  async #query<Row> (statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>> {
    if (this.#fatalError !== undefined) throw this.#fatalError
    try {
      const result: unknown = await this.#client.query(statement, [...parameters])
      // The type of the rows is the caller's claim, as everywhere in Kysely.
      return result as PostgresQueryResult<Row>
    } catch (error) {
      if (error instanceof Error && (!isServerError(error) || error.code === readOnlyCode)) this.#fatalError = error
      throw markUnavailable(error)
    }
  }

  release (destroy = false): void {
    this.#client.release(destroy || this.#fatalError !== undefined)
  }
}
