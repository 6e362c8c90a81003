import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { TokenRefusal } from '../src/cognito/refusal.ts'

/** One line a request: the route, never the address, in which a client may have put a token. */
const requestLog: FastifyPluginAsync = async fastify => {
  fastify.addHook('onResponse', async (request, reply) => {
    const { method, problem, routeOptions } = request
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const reason = problem?.cause instanceof TokenRefusal ? problem.cause.reason : undefined
    request.log.info({ method, route: routeOptions.url, status: reply.statusCode, ms, code: problem?.code, reason }, 'request')
  })
}

export default fp(requestLog, { name: 'request-log', dependencies: ['problems'] })
