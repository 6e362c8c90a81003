import cluster from 'node:cluster'
import type { Server } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { onPrimaryMessage, sendToPrimary } from '../src/cluster/messages.ts'
import { databaseStatistics } from '../src/database/statistics.ts'
import { listenForScrapes, urlOf } from '../src/telemetry/metrics-server.ts'
import type { ProblemCode } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Told of the refusal of what did not become a request, and so passes no hook; there where there are metrics. */
    noteBrokenRequest?: (code: ProblemCode) => void
  }
}

interface MetricsOptions {
  metricsPort: number | undefined
  host: string
}

/** Serves metrics for Prometheus, where they have a port. */
const metrics: FastifyPluginAsync<MetricsOptions> = async (fastify, { metricsPort: port, host }) => {
  if (port === undefined) return
  // Loaded where it is used: a service without metrics starts without it.
  const { buildInstruments } = await import('../src/telemetry/metrics.ts')
  const instruments = buildInstruments({
    keys: () => fastify.cognito.keySetStatistics(),
    tokens: () => fastify.cognito.tokenStatistics(),
    database: () => databaseStatistics(fastify.db),
    connections: () => fastify.connectionStatistics(),
    areLimitsShared: fastify.areLimitsShared
  })

  fastify.observeRequests((request, reply, status) => {
    const { routeOptions: { url = 'unmatched' }, problem } = request
    instruments.observeRequest(request.method, url, status, reply.elapsedTime / 1000)
    if (problem !== null) instruments.countRefusal(problem.code, problem.reason)
  })
  fastify.decorate('noteBrokenRequest', code => instruments.countRefusal(code, undefined))
  fastify.observeQueries(instruments.observeQuery)

  // The primary serves the metrics of all workers.
  onPrimaryMessage('metrics', async ({ id }) => sendToPrimary({ kind: 'measured', id, metrics: await instruments.measure() }))
  if (cluster.isWorker) return

  let server: Server | undefined
  fastify.addHook('onReady', async () => {
    server = await listenForScrapes({ host, port }, instruments.expose)
    fastify.log.info(`Metrics served at ${urlOf(server)}/metrics`)
  })
  fastify.addHook('onClose', async () => {
    server?.close()
    server?.closeAllConnections()
  })
}

export default fp(metrics, { name: 'metrics', dependencies: ['authentication', 'connection-limit', 'database', 'rate-limit', 'request-outcome'] })
