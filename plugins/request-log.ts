import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { readTraceParent } from '../src/telemetry/trace-context.ts'

/**
 * Logs one line per request. The line has the route and not the URL, because a client may have put a token
 * into the URL.
 */
const requestLog: FastifyPluginAsync = async fastify => {
  fastify.observeRequests((request, reply, status) => {
    const { method, problem, routeOptions, span, headers: { traceparent } } = request
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const parent = traceparent === undefined ? undefined : readTraceParent(traceparent)
    // Probes come every few seconds. Only failed probes get a line at `info`.
    const isProbe = routeOptions.url?.startsWith('/health/') === true && status < 400
    // The load-shedding plugin logs the number of its rejections. A line for each would cost more than the
    // rejection.
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
