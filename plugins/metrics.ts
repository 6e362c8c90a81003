import cluster from 'node:cluster'
import type { Server } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { onPrimaryMessage, sendToPrimary } from '../src/cluster/messages.ts'
import { startMetricsServer, urlOf } from '../src/telemetry/metrics-server.ts'
import type { ProblemCode } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a client error outside of any request, which no hook sees. Only with metrics. */
    countClientError?: (code: ProblemCode) => void
  }
}

interface MetricsOptions {
  metricsPort: number | undefined
  host: string
}

/** Serves metrics for Prometheus on a listener of its own, if METRICS_PORT is set. */
const metricsPlugin: FastifyPluginAsync<MetricsOptions> = async (fastify, { metricsPort: port, host }) => {
  if (port === undefined) return
  // Without METRICS_PORT, prom-client is not loaded.
  const { createMetrics } = await import('../src/telemetry/metrics.ts')
  const metrics = createMetrics({
    keys: () => fastify.cognito.keySetStatistics(),
    tokens: () => fastify.cognito.tokenStatistics(),
    database: () => fastify.database.statistics(),
    connections: () => fastify.connectionStatistics(),
    areLimitsShared: fastify.areLimitsShared
  })

  fastify.observeRequests((request, reply, status) => {
    const { routeOptions: { url = 'unmatched' }, problem } = request
    metrics.observeRequest(request.method, url, status, reply.elapsedTime / 1000)
    if (problem !== null) metrics.countRefusal(problem.code, problem.reason)
  })
  fastify.decorate('countClientError', code => metrics.countRefusal(code, undefined))
  fastify.observeQueries(metrics.observeQuery)

  // The primary serves the metrics of all workers.
  onPrimaryMessage('metrics', async ({ id }) => sendToPrimary({ kind: 'measured', id, metrics: await metrics.measure() }))
  if (cluster.isWorker) return

  let server: Server | undefined
  fastify.addHook('onReady', async () => {
    server = await startMetricsServer({ host, port }, metrics.render)
    fastify.log.info(`Metrics served at ${urlOf(server)}/metrics`)
  })
  fastify.addHook('onClose', async () => {
    server?.close()
    server?.closeAllConnections()
  })
}

export default fp(metricsPlugin, { name: 'metrics', dependencies: ['authentication', 'connection-limit', 'database', 'rate-limit', 'request-outcome'] })
