import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { KeySetStatistics } from '../../plugins/cognito-auth/index.ts'
import { slotVariable, type WorkerMetrics } from '../cluster/messages.ts'
import type { QueryObservation } from '../database/query-observer.ts'
import type { DatabaseStatistics } from '../database/statistics.ts'
import { catalogue, type ProblemCode } from '../problems/catalogue.ts'
import type { Exposition } from './metrics-server.ts'

/** What is read when metrics are asked for, and costs nothing until then. */
export interface Sources {
  keys (): KeySetStatistics[]
  tokens (): { hits: number, misses: number, size: number, queue: { waiting: number } }
  database (): DatabaseStatistics
  connections (): Promise<{ open: number, dropped: number }>
  /** Absent where there is no Redis. */
  areLimitsShared: (() => boolean) | undefined
}

/** What is told of as it happens. */
export interface Instruments {
  /** @param route the route's pattern, `unmatched` where there is none; never an address */
  observeRequest (method: string, route: string, status: number, seconds: number): void
  countRefusal (code: ProblemCode, reason: string | undefined): void
  observeQuery (query: QueryObservation): void
  expose (): Promise<Exposition>
  /** The metrics of this worker, for the primary. */
  measure (): Promise<WorkerMetrics>
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const queryBuckets = [0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** The metrics of one service. Every label has a closed set of values: none of them is a client's to choose. */
export function buildInstruments (sources: Sources): Instruments {
  // Not the global registry: two services in one process have two.
  const register = new Registry()
  const { [slotVariable]: worker } = process.env
  if (worker !== undefined) register.setDefaultLabels({ worker })
  collectDefaultMetrics({ register })
  collectKeys(register, sources)
  collectTokens(register, sources)
  collectDatabase(register, sources)
  collectConnections(register, sources)
  const { areLimitsShared } = sources
  if (areLimitsShared) measure(register, 'rate_limits_shared', 'Whether the replicas share their rate limits through Redis (1), or each counts for itself (0)', () => areLimitsShared() ? 1 : 0)

  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: requestBuckets,
    registers: [register]
  })
  const refusals = new Counter({
    name: 'http_refusals_total',
    help: 'Answers that were problems, by code, and why where a token was refused',
    labelNames: ['code', 'reason'],
    registers: [register]
  })
  // What is not there yet cannot be seen to rise.
  for (const code of Object.keys(catalogue)) refusals.inc({ code, reason: 'none' }, 0)

  const queries = new Histogram({
    name: 'database_query_duration_seconds',
    help: 'From a query to its result, without the wait for a connection',
    labelNames: ['kind', 'outcome'],
    buckets: queryBuckets,
    registers: [register]
  })

  const known = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>()
  function requestsOf (method: string, route: string, status: number) {
    const key = `${method} ${status} ${route}`
    const found = known.get(key)
    if (found !== undefined) return found
    // Files there are named by their content, and so by every build anew.
    const child = requests.labels(methods.has(method) ? method : 'other', route.replace(/^\/assets\/.*/, '/assets/*'), `${status}`)
    if (methods.has(method)) known.set(key, child)
    return child
  }

  return {
    observeRequest: (method, route, status, seconds) => requestsOf(method, route, status).observe(seconds),
    countRefusal: (code, reason = undefined) => refusals.inc({ code, reason: reason ?? 'none' }),
    observeQuery: ({ kind, failed, duration }) => queries.observe({ kind, outcome: failed ? 'failure' : 'success' }, duration),
    measure: () => register.getMetricsAsJSON(),
    expose: async () => ({ contentType: register.contentType, text: await register.metrics() })
  }
}

function collectKeys (register: Registry, { keys }: Sources): void {
  const options = { labelNames: ['user_pool', 'issuer'], registers: [] }
  register.registerMetric(new Gauge({
    ...options,
    name: 'cognito_keys_in_hand',
    help: 'Whether there are signing keys that tokens are accepted with',
    collect () {
      for (const { userPoolId, issuer, inHand } of keys()) this.set({ user_pool: userPoolId, issuer }, inHand ? 1 : 0)
    }
  }))
  register.registerMetric(new Gauge({
    ...options,
    name: 'cognito_keys_age_seconds',
    help: 'Time since the signing keys were fetched',
    collect () {
      for (const { userPoolId, issuer, ageSeconds } of keys()) {
        if (ageSeconds !== undefined) this.set({ user_pool: userPoolId, issuer }, ageSeconds)
      }
    }
  }))
  register.registerMetric(new Counter({
    ...options,
    labelNames: ['user_pool', 'issuer', 'outcome'],
    name: 'cognito_key_fetches_total',
    help: 'Fetches of signing keys; refused means that the key server says there are none',
    collect () {
      this.reset()
      for (const { userPoolId, issuer, fetches } of keys()) {
        for (const [outcome, count] of Object.entries(fetches)) this.inc({ user_pool: userPoolId, issuer, outcome }, count)
      }
    }
  }))
}

function collectTokens (register: Registry, { tokens }: Sources): void {
  count(register, 'cognito_token_cache_hits_total', 'Tokens that had verified before', () => tokens().hits)
  count(register, 'cognito_token_cache_misses_total', 'Tokens that had to be verified', () => tokens().misses)
  measure(register, 'cognito_token_cache_entries', 'Verified tokens that are remembered', () => tokens().size)
  measure(register, 'cognito_tokens_waiting', 'Tokens that wait to be verified', () => tokens().queue.waiting)
}

function collectDatabase (register: Registry, { database }: Sources): void {
  const { pool, grouped } = database()
  if (pool !== undefined) {
    measure(register, 'database_pool_connections', 'Connections that are open', () => database().pool?.open ?? 0)
    measure(register, 'database_pool_idle_connections', 'Connections that no query has', () => database().pool?.idle ?? 0)
    measure(register, 'database_pool_waiting_queries', 'Queries that wait for a connection', () => database().pool?.waiting ?? 0)
    measure(register, 'database_pool_size', 'Connections that may be open', () => database().pool?.size ?? 0)
  }
  if (grouped !== undefined) {
    count(register, 'database_group_commits_total', 'Commits of writes and transactions that arrived together', () => database().grouped?.commits ?? 0)
    count(register, 'database_group_commit_writes_total', 'Writes and transactions in those commits', () => database().grouped?.writes ?? 0)
  }
}

function collectConnections (register: Registry, { connections }: Sources): void {
  measure(register, 'http_connections', 'Connections of clients that are open', async () => (await connections()).open)
  count(register, 'http_connections_dropped_total', 'Connections closed unread, since as many were open as may be', async () => (await connections()).dropped)
}

function measure (register: Registry, name: string, help: string, read: () => number | Promise<number>): void {
  register.registerMetric(new Gauge({ name, help, registers: [], async collect () { this.set(await read()) } }))
}

/** A counter that somebody else counts. */
function count (register: Registry, name: string, help: string, read: () => number | Promise<number>): void {
  register.registerMetric(new Counter({
    name,
    help,
    registers: [],
    async collect () {
      const value = await read()
      this.reset()
      this.inc(value)
    }
  }))
}
