import { Counter, Gauge, type Registry } from 'prom-client'
import type { KeySetStatistics } from '../../plugins/cognito-auth/index.ts'
import type { DatabaseStatistics } from '../database/handle.ts'

/** The values that are read at each scrape. They cost nothing in between. */
export interface Sources {
  keys (): KeySetStatistics[]
  tokens (): { hits: number, misses: number, size: number, queue: { waiting: number } }
  database (): DatabaseStatistics
  connections (): Promise<{ open: number, dropped: number }>
  /** Absent without Redis. */
  areLimitsShared: (() => boolean) | undefined
}

type Read = () => number | Promise<number>

/** Registers the metrics whose values are read from the sources. */
export function registerCollectors (registry: Registry, sources: Sources): void {
  registerKeySets(registry, sources)
  registerTokens(registry, sources)
  registerDatabase(registry, sources)
  registerConnections(registry, sources)
  registerRateLimits(registry, sources)
}

function registerKeySets (registry: Registry, { keys }: Sources): void {
  const options = { labelNames: ['user_pool', 'issuer'], registers: [] }
  registry.registerMetric(new Gauge({
    ...options,
    name: 'cognito_keys_in_hand',
    help: '1 while there are signing keys to verify tokens with, otherwise 0',
    collect () {
      for (const { userPoolId, issuer, inHand } of keys()) this.set({ user_pool: userPoolId, issuer }, inHand ? 1 : 0)
    }
  }))
  registry.registerMetric(new Gauge({
    ...options,
    name: 'cognito_keys_age_seconds',
    help: 'Time since the signing keys were fetched',
    collect () {
      for (const { userPoolId, issuer, ageSeconds } of keys()) {
        if (ageSeconds !== undefined) this.set({ user_pool: userPoolId, issuer }, ageSeconds)
      }
    }
  }))
  registry.registerMetric(new Counter({
    ...options,
    labelNames: ['user_pool', 'issuer', 'outcome'],
    name: 'cognito_key_fetches_total',
    help: 'Fetches of signing keys. The outcome refused means that the key server has no such key set',
    collect () {
      this.reset()
      for (const { userPoolId, issuer, fetches } of keys()) {
        for (const [outcome, count] of Object.entries(fetches)) this.inc({ user_pool: userPoolId, issuer, outcome }, count)
      }
    }
  }))
}

function registerTokens (registry: Registry, { tokens }: Sources): void {
  counter(registry, 'cognito_token_cache_hits_total', 'Tokens found in the cache', () => tokens().hits)
  counter(registry, 'cognito_token_cache_misses_total', 'Tokens not found in the cache', () => tokens().misses)
  gauge(registry, 'cognito_token_cache_entries', 'Verified tokens in the cache', () => tokens().size)
  gauge(registry, 'cognito_tokens_waiting', 'Tokens in the verification queue', () => tokens().queue.waiting)
}

function registerDatabase (registry: Registry, { database }: Sources): void {
  const { pool, groupCommits } = database()
  if (pool !== undefined) {
    gauge(registry, 'database_pool_connections', 'Open connections', () => database().pool?.open ?? 0)
    gauge(registry, 'database_pool_idle_connections', 'Idle connections', () => database().pool?.idle ?? 0)
    gauge(registry, 'database_pool_waiting_queries', 'Queries that wait for a connection', () => database().pool?.waiting ?? 0)
    gauge(registry, 'database_pool_size', 'Maximum of open connections', () => database().pool?.maxConnections ?? 0)
  }
  if (groupCommits !== undefined) {
    counter(registry, 'database_group_commits_total', 'Commits of concurrent writes and transactions',
      () => database().groupCommits?.commits ?? 0)
    counter(registry, 'database_group_commit_writes_total', 'Writes and transactions in these commits',
      () => database().groupCommits?.writes ?? 0)
  }
}

function registerConnections (registry: Registry, { connections }: Sources): void {
  gauge(registry, 'http_connections', 'Open client connections', async () => (await connections()).open)
  counter(registry, 'http_connections_dropped_total', 'Client connections closed unread because of the connection limit',
    async () => (await connections()).dropped)
}

function registerRateLimits (registry: Registry, { areLimitsShared }: Sources): void {
  if (areLimitsShared === undefined) return
  gauge(registry, 'rate_limits_shared', '1 while the replicas share their rate limits through Redis, otherwise 0',
    () => areLimitsShared() ? 1 : 0)
}

function gauge (registry: Registry, name: string, help: string, read: Read): void {
  registry.registerMetric(new Gauge({ name, help, registers: [], async collect () { this.set(await read()) } }))
}

/** A counter whose total comes from its source. */
function counter (registry: Registry, name: string, help: string, read: Read): void {
  registry.registerMetric(new Counter({
    name,
    help,
    registers: [],
    async collect () {
      const total = await read()
      this.reset()
      this.inc(total)
    }
  }))
}
