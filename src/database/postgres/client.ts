import { connect } from 'node:net'
import pg, { type ClientConfig } from 'pg'

const cancelCode = 80_877_102
const cancelTimeoutMs = 2_000

/** A connection that knows whether its server is a standby, and that can cancel its query at the server. */
export class PostgresClient extends pg.Client {
  #isStandby: boolean | undefined
  #backendKey: { processID: number, secretKey: number } | undefined

  constructor (config?: ClientConfig) {
    super(config)
    // PostgreSQL 14 and later report this at the start of the connection, and when it changes.
    this.connection.on('parameterStatus', ({ parameterName, parameterValue }: Record<string, string>) => {
      if (parameterName === 'in_hot_standby') this.#isStandby = parameterValue === 'on'
    })
    this.connection.on('backendKeyData', ({ processID, secretKey }: { processID: number, secretKey: number }) => {
      this.#backendKey = { processID, secretKey }
    })
  }

  /**
   * Costs a query once per connection where the server does not report it: before PostgreSQL 14, and behind
   * some poolers.
   */
  async isStandby (): Promise<boolean> {
    this.#isStandby ??= (await this.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')).rows[0]?.standby
    return this.#isStandby ?? false
  }

  /**
   * Asks the server to cancel the query of this connection, over another connection without TLS, as libpq
   * does. Closing the connection does not cancel a query. The promise never rejects. Keep the connection open
   * until then: PgBouncer ignores the request once the connection is closed.
   * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
   */
  async cancelQuery (): Promise<void> {
    if (this.#backendKey === undefined) return
    const message = Buffer.alloc(16)
    message.writeInt32BE(message.length, 0)
    message.writeInt32BE(cancelCode, 4)
    message.writeInt32BE(this.#backendKey.processID, 8)
    message.writeInt32BE(this.#backendKey.secretKey, 12)
    const { host, port } = this
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    socket.on('error', () => {})
    socket.setTimeout(cancelTimeoutMs, () => socket.destroy())
    socket.write(message)
    // The server closes the connection when it has handled the request.
    await new Promise(resolve => socket.once('close', resolve))
  }
}
