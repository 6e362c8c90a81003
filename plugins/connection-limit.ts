import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { limitPipelining } from '../src/http/pipelining-limit.ts'
import { requestsInProgress } from '../src/http/requests-in-progress.ts'

declare module 'fastify' {
  interface FastifyInstance {
    connectionStatistics: () => Promise<ConnectionStatistics>
  }
}

export interface ConnectionStatistics {
  open: number
  /**
   * Connections that were closed since the start because of a limit: `maxConnections`, or the one on
   * pipelining.
   */
  dropped: number
}

/** A connection takes a file descriptor and about 10 kB. A process often may have 4,096 descriptors. */
const maxConnections = 2_000
/** The shortest time between two log lines, and between two closings of idle connections. */
const logIntervalMs = 5_000

/**
 * Limits the open connections, and the requests that they pipeline. Node closes further connections unread.
 * To make room, connections that are idle between two requests are closed. The timeouts in
 * `src/http/server-options.ts` end connections that send no complete request.
 */
const connectionLimit: FastifyPluginAsync = async fastify => {
  const { server, log } = fastify
  let dropped = 0
  let unlogged = 0
  let lastLineMs = -Infinity
  server.maxConnections = maxConnections
  // In a worker of a cluster, Node would hand the connection back to the primary, again and again.
  // The types of Node do not have the property yet.
  Object.assign(server, { dropMaxConnection: true })
  // Node caches the address of a socket on the first read. After a reset it cannot be read any more.
  server.on('connection', socket => { Reflect.get(socket, 'remoteAddress') })
  server.on('drop', recordDrop)
  limitPipelining(server, {
    ofConnection: socket => requestsInProgress.get(socket)?.size ?? 0,
    ofProcess: () => fastify.countRequestsInProgress(),
    onClose: recordDrop
  })
  fastify.decorate('connectionStatistics', async () => ({
    open: await new Promise<number>(resolve => server.getConnections((_error, count) => resolve(count))),
    dropped
  }))

  function recordDrop (): void {
    dropped++
    unlogged++
    if (performance.now() - lastLineMs < logIntervalMs) return
    log.warn({ dropped: unlogged, maxConnections: server.maxConnections }, 'connections dropped at the connection limit')
    lastLineMs = performance.now()
    unlogged = 0
    server.closeIdleConnections()
  }
}

export default fp(connectionLimit, { name: 'connection-limit', dependencies: ['request-outcome'] })
