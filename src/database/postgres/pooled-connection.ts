import type { PoolClient } from 'pg'
import type { PostgresCursor, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type { PostgresClient } from './client.ts'
import { isQueryTimeout, isServerError, markUnavailable, readOnlyCode } from './errors.ts'

/**
 * A connection that is closed after a query timed out on it, or after its server turned out to be read-only.
 * The driver would reuse that connection, and each query on it would fail.
 */
export class PooledConnection implements PostgresPoolClient {
  readonly #client: PoolClient & PostgresClient
  /** The error after which the connection is unusable. */
  #fatalError: Error | undefined
  #cancellation: Promise<void> | undefined

  constructor (client: PoolClient & PostgresClient) {
    this.#client = client
  }

  query<Row> (statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row> (cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query<Row> (
    statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
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
      const mayBeReused = isServerError(error) && error.code !== readOnlyCode
      if (error instanceof Error && !mayBeReused) this.#fatalError = error
      if (error instanceof Error && isQueryTimeout(error)) this.#cancellation = this.#client.cancelQuery()
      throw markUnavailable(error)
    }
  }

  release (destroy = false): void {
    const close = () => this.#client.release(destroy || this.#fatalError !== undefined)
    if (this.#cancellation === undefined) close()
    else this.#cancellation.then(close)
  }
}
