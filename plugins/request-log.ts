import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { TokenRefusal } from '../src/cognito/refusal.ts'
import { readTraceParent } from '../src/trace-context.ts'

/** One line a request: the route, never the address, in which a client may have put a token. */
const requestLog: FastifyPluginAsync = async fastify => {
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, problem, routeOptions, span, headers: { traceparent } } = request
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const reason = problem?.cause instanceof TokenRefusal ? problem.cause.reason : undefined
    const parent = traceparent === undefined ? undefined : readTraceParent(traceparent)
    // What is shed is counted and summed up: a line each would cost more than the refusal.
    request.log[problem?.code === 'overloaded' ? 'debug' : 'info']({
      method,
      route: routeOptions.url,
      status: reply.statusCode,
      ms,
      code: problem?.code,
      reason,
      traceId: span?.traceId ?? parent?.traceId,
      parentId: parent?.parentId,
      spanId: span?.spanId
    }, 'request')
    done()
  })
}

export default fp(requestLog, { name: 'request-log', dependencies: ['problems'] })
