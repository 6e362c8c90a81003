import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is stopping: it finishes the requests in progress, and readiness fails. */
    isStopping: () => boolean
    /** Records a successful readiness probe. */
    recordProbe: () => void
  }
}

/** The service keeps accepting connections for this time while a load balancer learns that it is stopping. */
const noticeMs = 3_000
/** Two probes within this time show that a load balancer watches readiness. */
const probeWindowMs = 15_000

/**
 * Stops the service gracefully. While it stops, readiness fails, and every response closes its connection
 * (`src/http/connection-close.ts`). The listener closes at once, or after `noticeMs` where a load balancer watches readiness.
 */
const gracefulShutdown: FastifyPluginAsync = async fastify => {
  let isStopping = false
  let lastProbesMs: number[] = []
  fastify.decorate('isStopping', () => isStopping)
  fastify.decorate('recordProbe', () => { lastProbesMs = [...lastProbesMs.slice(-1), performance.now()] })
  fastify.addHook('preClose', async () => {
    isStopping = true
    const isWatched = lastProbesMs.length === 2 && lastProbesMs.every(ms => performance.now() - ms < probeWindowMs)
    if (isWatched && fastify.server.listening) await wait(noticeMs)
  })
}

export default fp(gracefulShutdown, { name: 'graceful-shutdown' })
