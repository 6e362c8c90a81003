import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { readTraceParent } from '../src/telemetry/trace-context.ts'

/** Logs one line a request. The line has the route, never the address, in which a client may have put a token. */
const requestLog: FastifyPluginAsync = async fastify => {
  fastify.observeRequests((request, reply, status) => {
    const { method, problem, routeOptions, span, headers: { traceparent } } = request
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const parent = traceparent === undefined ? undefined : readTraceParent(traceparent)
    // Probes come every few seconds. Those that fail are worth a line.
    const isProbe = routeOptions.url?.startsWith('/health/') === true && status < 400
    // The load shedder logs a sum of its refusals: a line for each would cost more than the refusal.
    request.log[isProbe || problem?.code === 'overloaded' ? 'debug' : 'info']({
      method,
      route: routeOptions.url,
      status,
      ms,
      code: problem?.code,
      reason: problem?.reason,
      traceId: span?.traceId ?? parent?.traceId,
      parentId: parent?.parentId,
      spanId: span?.spanId
    }, 'request')
  })
}

export default fp(requestLog, { name: 'request-log', dependencies: ['request-outcome'] })
