import type { FastifyPluginAsync } from 'fastify'
import { guardRoutes } from '../../src/http/route-access.ts'

/** Every route in this folder, and below it, needs a user. */
const guard: FastifyPluginAsync = async fastify => guardRoutes(fastify, fastify.requireUser)

export default guard
