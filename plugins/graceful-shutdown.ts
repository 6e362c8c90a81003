import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { onPrimaryMessage, sendToPrimary } from '../src/cluster/messages.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is stopping: it finishes the requests in progress, and readiness fails. */
    isStopping: () => boolean
    /** Records a successful readiness probe. */
    recordProbe: () => void
    /**
     * Whether another worker replaces this one. The listener then closes at once, and readiness does not
     * fail.
     */
    isRetired: () => boolean
    retire: () => void
  }
}

/** The service keeps accepting connections for this time while a load balancer learns that it is stopping. */
const noticeMs = 3_000
/** Two probes within this time show that a load balancer watches readiness. */
const probeWindowMs = 15_000

/**
 * Stops the service gracefully. While it stops, readiness fails, and every response closes its connection
 * (`src/http/connection-close.ts`). The listener closes at once, or after `noticeMs` where a load balancer
 * watches readiness.
 */
const gracefulShutdown: FastifyPluginAsync = async fastify => {
  let isStopping = false
  let isRetired = false
  let lastProbesMs: number[] = []
  const record = () => { lastProbesMs = [...lastProbesMs.slice(-1), performance.now()] }
  fastify.decorate('isStopping', () => isStopping)
  // Each worker answers a part of the probes. The primary passes them on to the others.
  onPrimaryMessage('probe', record)
  fastify.decorate('recordProbe', () => {
    record()
    sendToPrimary({ kind: 'probe' })
  })
  fastify.decorate('isRetired', () => isRetired)
  fastify.decorate('retire', () => { isRetired = true })
  fastify.addHook('preClose', async () => {
    isStopping = true
    const isWatched = lastProbesMs.length === 2 && lastProbesMs.every(ms => performance.now() - ms < probeWindowMs)
    if (isWatched && !isRetired && fastify.server.listening) await wait(noticeMs)
  })
}

export default fp(gracefulShutdown, { name: 'graceful-shutdown' })
