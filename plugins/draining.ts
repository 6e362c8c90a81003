import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is stopping, and answers only what is on its way. */
    isDraining: () => boolean
  }
}

/** Answers that are sent while the service stops tell the client to come back on another connection. */
const draining: FastifyPluginAsync = async fastify => {
  let stopping = false
  fastify.decorate('isDraining', () => stopping)
  fastify.addHook('preClose', async () => { stopping = true })
  fastify.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('connection', 'close')
  })
}

export default fp(draining, { name: 'draining' })
