import type { FastifyPluginAsync } from 'fastify'
import { sendConditionally } from '../../src/http/conditional-request.ts'
import { guardRoutes } from '../../src/http/route-access.ts'

/** Every route in this folder, and below it, needs a member of the admin group. */
const guard: FastifyPluginAsync = async fastify => {
  guardRoutes(fastify, fastify.requireAdmin)
  fastify.addHook('onSend', sendConditionally)
}

export default guard
