import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    connectionStatistics: () => Promise<ConnectionStatistics>
  }
}

/** Connections that are open, and how many were closed unread since the start, because there were as many as there may be. */
export interface ConnectionStatistics { open: number, dropped: number }

/** Each takes a file descriptor, of which a process may often have 4,096, and some 10 kB. */
const mostConnections = 2_000
/** How often there is a look for connections that may go, and a line in the log, in milliseconds. */
const pause = 5_000

/**
 * Bounds how many connections are open. What comes beyond is closed unread; to make room, so are those that wait for another
 * request of their client. Those that hold a connection without asking for anything are ended by the time-outs of `src/app.ts`.
 */
const connections: FastifyPluginAsync = async fastify => {
  const { server, log } = fastify
  let dropped = 0
  let unsaid = 0
  let lastSaid = -Infinity
  server.maxConnections = mostConnections
  // In a worker of a cluster, Node would hand the connection back to the primary, again and again.
  // The types of Node do not have the property yet.
  Object.assign(server, { dropMaxConnection: true })
  // Node caches the address of a socket when it is first read. After a reset it cannot be read any more.
  server.on('connection', socket => { Reflect.get(socket, 'remoteAddress') })
  server.on('drop', () => {
    dropped++
    unsaid++
    if (performance.now() - lastSaid < pause) return
    log.warn({ dropped: unsaid, most: server.maxConnections }, 'connections dropped: as many are open as may be')
    lastSaid = performance.now()
    unsaid = 0
    server.closeIdleConnections()
  })
  fastify.decorate('connectionStatistics', async () => ({
    open: await new Promise<number>(resolve => server.getConnections((_error, count) => resolve(count))),
    dropped
  }))
}

export default fp(connections, { name: 'connection-limit' })
