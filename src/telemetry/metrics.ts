import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client'
import { slotVariable, type WorkerMetrics } from '../cluster/messages.ts'
import type { QueryObservation } from '../database/query-observer.ts'
import { catalogue, type ProblemCode } from '../problems/catalogue.ts'
import { registerCollectors, type Sources } from './metrics-collectors.ts'
import type { MetricsPage } from './metrics-server.ts'

/** The functions that count and time events. */
export interface Metrics {
  /** @param route the pattern of the route, or `unmatched`; never the URL */
  observeRequest (method: string, route: string, status: number, seconds: number): void
  countRefusal (code: ProblemCode, reason: string | undefined): void
  observeQuery (query: QueryObservation): void
  render (): Promise<MetricsPage>
  /** The metrics of this worker, for the primary. */
  measure (): Promise<WorkerMetrics>
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const queryBuckets = [0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Creates the metrics of one service. Every label has a closed set of values, and no client can add one. */
export function createMetrics (sources: Sources): Metrics {
  // prom-client's global registry would mix the metrics of two services in one process.
  const registry = new Registry()
  const { [slotVariable]: worker } = process.env
  if (worker !== undefined) registry.setDefaultLabels({ worker })
  collectDefaultMetrics({ register: registry })
  registerCollectors(registry, sources)

  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response',
    labelNames: ['method', 'route', 'status'],
    buckets: requestBuckets,
    registers: [registry]
  })
  const refusals = new Counter({
    name: 'http_refusals_total',
    help: 'Responses with a problem by code, and by reason for a rejected token',
    labelNames: ['code', 'reason'],
    registers: [registry]
  })
  // Without a first sample of 0, Prometheus sees no increase when the first problem occurs.
  for (const code of Object.keys(catalogue)) refusals.inc({ code, reason: 'none' }, 0)

  const queries = new Histogram({
    name: 'database_query_duration_seconds',
    help: 'Time from a query to its result, without the wait for a connection',
    labelNames: ['kind', 'outcome'],
    buckets: queryBuckets,
    registers: [registry]
  })

  const cachedChildren = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>()
  function requestsOf (method: string, route: string, status: number) {
    const key = `${method} ${status} ${route}`
    const cached = cachedChildren.get(key)
    if (cached !== undefined) return cached
    // The names of asset files hold a digest, so every build would add new routes.
    const routeLabel = route.replace(/^\/assets\/.*/, '/assets/*')
    const child = requests.labels(methods.has(method) ? method : 'other', routeLabel, `${status}`)
    if (methods.has(method)) cachedChildren.set(key, child)
    return child
  }

  return {
    observeRequest: (method, route, status, seconds) => requestsOf(method, route, status).observe(seconds),
    countRefusal: (code, reason) => refusals.inc({ code, reason: reason ?? 'none' }),
    observeQuery: ({ kind, failed, durationSeconds }) => {
      queries.observe({ kind, outcome: failed ? 'failure' : 'success' }, durationSeconds)
    },
    measure: () => registry.getMetricsAsJSON(),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() })
  }
}
