import type { Pool, PoolClient } from 'pg'
import { PostgresDialect, type Dialect, type PostgresCursor, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from 'kysely'
import { readPostgresUrl } from './url.ts'
import type { PoolStatistics } from '../statistics.ts'
import { markUnavailable } from '../unavailable.ts'

interface PostgresOptions {
  patient?: boolean
  poolSize?: number
  onPool?: (pool: Connections) => void
}

/**
 * A dialect over a pool of connections to the server at `url`.
 * @param options.patient whether statements may take as long as they take
 * @param options.poolSize how many connections are open at most, in place of what the URL says
 * @param options.onPool told of the pool once there is one
 * @throws {Error} where `readPostgresUrl` does not understand the URL
 */
export function postgresDialect (url: string, { patient = false, onPool, ...options }: PostgresOptions = {}): Dialect {
  const settings = readPostgresUrl(url)
  if (settings === undefined) throw new Error('this is no URL of a PostgreSQL database')
  const { connectionString, applicationName, connectTimeout, statementTimeout } = settings
  const limited = !patient && statementTimeout > 0

  // Loaded where it is used: a service over SQLite starts without it.
  return new PostgresDialect({
    pool: async () => {
      const { default: pg } = await import('pg')
      // Ids are counted, not random: they stay within 2^53.
      const types = new pg.TypeOverrides()
      types.setTypeParser(pg.types.builtins.INT8, Number)
      const pool = new pg.Pool({
        connectionString,
        types,
        application_name: applicationName,
        max: options.poolSize ?? settings.poolSize,
        connectionTimeoutMillis: connectTimeout,
        keepAlive: true,
        // The server ends what takes too long; where it does not answer at all, this side gives up a little later.
        ...limited && { statement_timeout: statementTimeout, query_timeout: statementTimeout + 1_000 }
      })
      // A connection that breaks while nothing is asked of it, in the pool or within a transaction, fails the next query, or
      // is replaced before; without listeners it would end the process.
      pool.on('error', () => {})
      pool.on('connect', client => { client.on('error', () => {}) })
      const connections = new Connections(pool)
      onPool?.(connections)
      return connections
    }
  })
}

/**
 * A pool that takes no connection back on which the server went silent, or turned out to be a standby: the driver would hand
 * it to the next query, and they would fail one after the other, for as long as the connection lives.
 */
export class Connections implements PostgresPool {
  readonly #pool: Pool
  /** When the first of those that wait for a connection came, or, before it, the last that was given one. */
  #waitingSince = 0

  constructor (pool: Pool) {
    this.#pool = pool
  }

  get options (): object {
    return this.#pool.options
  }

  async connect (): Promise<Connection> {
    const came = performance.now()
    if (this.#pool.waitingCount === 0) this.#waitingSince = came
    try {
      return new Connection(await this.#pool.connect())
    } catch (error) {
      throw marked(error)
    } finally {
      // Who waits is served in turn, so all others came later.
      if (came > this.#waitingSince) this.#waitingSince = came
    }
  }

  get statistics (): PoolStatistics {
    const { totalCount: open, idleCount: idle, waitingCount: waiting, options: { max: size } } = this.#pool
    return { size, open, idle, waiting, wait: waiting === 0 ? 0 : performance.now() - this.#waitingSince }
  }

  end (): Promise<void> {
    return this.#pool.end()
  }
}

class Connection implements PostgresPoolClient {
  readonly #client: PoolClient
  #lost: Error | undefined

  constructor (client: PoolClient) {
    this.#client = client
  }

  query<Row> (statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row> (cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query<Row> (statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new Error('no cursor is opened here')
    return this.#query(statement, parameters)
  }

  async #query<Row> (statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      return Object(await this.#client.query(statement, [...parameters]))
    } catch (error) {
      if (error instanceof Error && (!isFromServer(error) || error.code === readOnly)) this.#lost = error
      throw marked(error)
    }
  }

  release (destroy = false): void {
    this.#client.release(destroy || this.#lost !== undefined)
  }
}

const readOnly = '25006'

/** Marks an error where it leaves the driver. Its code alone would not do: client sockets, Redis and `fetch` fail with the same codes. */
function marked (error: unknown): unknown {
  if (error instanceof Error && isUnavailable(error)) markUnavailable(error)
  return error
}

/** Whether the server, not the query, is at fault. https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isUnavailable (error: Error): boolean {
  if (isFromServer(error)) return error.code === readOnly || /^(08|28|3D|40|53|57|58|F0|XX)/.test(error.code)
  return 'code' in error ? /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(String(error.code)) : /timeout|terminated|Connection/i.test(error.message)
}

/** Whether a row would repeat what has to be unique. */
export function isPostgresConflict (error: unknown): boolean {
  return isFromServer(error) && error.code === '23505'
}

/** Whether a row would refer to one that is not there, or not any more. */
export function isPostgresForeignKeyViolation (error: unknown): boolean {
  return isFromServer(error) && error.code === '23503'
}

/** Serialisation failures and deadlocks, which distributed engines report in the normal course of things. */
export function isPostgresSerializationFailure (error: unknown): boolean {
  return isFromServer(error) && (error.code === '40001' || error.code === '40P01')
}

/** https://www.postgresql.org/docs/current/protocol-error-fields.html */
function isFromServer (error: unknown): error is Error & { severity: string, code: string } {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}
