import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { onPrimaryMessage, sendToPrimary } from '../src/cluster/messages.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is stopping, and answers only what is on its way. */
    isDraining: () => boolean
    /** To be told whenever readiness is asked for. */
    noteProbe: () => void
    /** Whether other workers go on while this one stops. Its listener then closes at once, and readiness stays green. */
    isRetired: () => boolean
    retire: () => void
  }
}

/** How long new requests are still taken while a load balancer learns that it should send none, in milliseconds. */
const notice = 3_000
/** Whoever asked twice, and that lately, goes on asking. Milliseconds. */
const lately = 15_000

/**
 * While the service stops, readiness says so, and answers (`answer-together`) tell the client to come back on another connection. The
 * listener closes at once, but where readiness is being watched: then after a while in which the watcher can take the service out.
 */
const draining: FastifyPluginAsync = async fastify => {
  let stopping = false
  let probes: number[] = []
  fastify.decorate('isDraining', () => stopping)
  const note = () => { probes = [...probes.slice(-1), performance.now()] }
  onPrimaryMessage('probe', note)
  fastify.decorate('noteProbe', () => {
    note()
    sendToPrimary({ kind: 'probe' })
  })
  let retired = false
  fastify.decorate('isRetired', () => retired)
  fastify.decorate('retire', () => { retired = true })
  fastify.addHook('preClose', async () => {
    stopping = true
    const watched = probes.length === 2 && probes.every(at => performance.now() - at < lately)
    if (watched && !retired && fastify.server.listening) await wait(notice)
  })
}

export default fp(draining, { name: 'graceful-shutdown' })
