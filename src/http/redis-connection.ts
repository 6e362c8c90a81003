import type { FastifyBaseLogger } from 'fastify'
import type { Cluster, Redis, RedisOptions } from 'ioredis'

/** A Redis that holds the counts of the rate limits, and whether it does so now. */
export interface RedisConnection {
  client: Redis | Cluster
  isShared (): boolean
  /** Reports that a command succeeded. */
  reportSuccess (): void
  /** Reports that a command failed, and that the process counts for itself. */
  reportFailure (error: unknown): void
}

const options: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  commandTimeout: 500,
  // After a failover, the old primary is a replica. The address leads a new connection to the new primary.
  reconnectOnError: error => error.message.includes('READONLY')
}

/**
 * Connects to a Redis, or to a Redis cluster where the scheme ends in `+cluster`. The service starts and runs
 * without it. One line in the log tells when limits become local, and one when they are shared again.
 */
export async function connectRedis (url: string, log: FastifyBaseLogger): Promise<RedisConnection> {
  const client = await createClient(url)
  let isShared = true
  // A server that refuses commands accepts connections all the same.
  let isRefused = false
  const connection = {
    client,
    isShared: () => isShared,
    reportSuccess: () => {
      if (!isShared) log.info('rate limits are shared again')
      isShared = true
      isRefused = false
    },
    reportFailure: (error: unknown) => {
      isRefused ||= error instanceof Error && error.name === 'ReplyError'
      if (isShared) log.warn({ err: error }, 'Redis cannot be reached or refuses commands; rate limits are local')
      isShared = false
    }
  }
  client.on('error', connection.reportFailure)
  client.on('ready', () => { if (!isRefused) connection.reportSuccess() })
  await client.connect().catch(() => {})
  return connection
}

async function createClient (url: string): Promise<Redis | Cluster> {
  // Loaded on demand: a service without Redis starts faster.
  const { Cluster, Redis } = await import('ioredis')
  const { protocol, hostname, port, username, password } = new URL(url)
  if (!protocol.endsWith('+cluster:')) return new Redis(url, { ...options, lazyConnect: true })
  return new Cluster([{ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) }], {
    lazyConnect: true,
    enableOfflineQueue: false,
    slotsRefreshTimeout: 2_000,
    // Certificates name hosts, so a host name must reach the TLS handshake as it is.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: {
      ...options,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss+cluster:' && { tls: {} })
    }
  })
}
