import cluster from 'node:cluster'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PrimaryRateLimitStore } from '../cluster/primary-rate-limit-store.ts'
import { RateLimitStore } from './rate-limit-store.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RateLimit {
  max: number
  windowSeconds: number
}

/** The state of one window. */
export interface Count {
  remaining: number
  isExceeded: boolean
  /** Seconds until the window ends. 0 where none has started. */
  resetSeconds: number
}

/** Counts a request, and returns the state of its window. With `increment: false` it only reads the state. */
export type Counter = (request: FastifyRequest, options?: { increment: boolean }) => Promise<Count>

/**
 * After a failure, Redis is not used for this time. Otherwise each request would wait for a Redis that hangs.
 */
const redisRetryMs = 1_000

/**
 * Creates a counter.
 * @param keyOf returns the user or the address that a request counts for
 * @param redis the store that the replicas share. Without it, each replica counts for itself, with all its
 *   workers.
 */
export async function createCounter (fastify: FastifyInstance, limit: RateLimit, keyOf: (request: FastifyRequest) => string, redis?: RedisConnection): Promise<Counter> {
  const local = await createCounterIn({ store: cluster.isWorker ? PrimaryRateLimitStore : RateLimitStore })
  if (redis === undefined) return local
  const shared = await createCounterIn({ redis: redis.client, nameSpace: 'articles-rate-limit-' })
  return withFallback(shared, local, redis)

  // `@fastify/rate-limit` has one store for each scope.
  async function createCounterIn (store: { store: typeof RateLimitStore | typeof PrimaryRateLimitStore } | { redis: RedisConnection['client'], nameSpace: string }): Promise<Counter> {
    const created = Promise.withResolvers<Counter>()
    await fastify.register(async scope => {
      await scope.register(rateLimit, { global: false, ...store })
      const check = scope.createRateLimit({ max: limit.max, timeWindow: limit.windowSeconds * 1000, keyGenerator: keyOf })
      created.resolve((request, options) => check(request, options).then(toCount))
    })
    return created.promise
  }
}

function toCount (result: Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>): Count {
  return result.isAllowed
    ? { remaining: Infinity, isExceeded: false, resetSeconds: 0 }
    : { remaining: result.remaining, isExceeded: result.isExceeded, resetSeconds: result.ttlInSeconds }
}

/** While Redis does not respond, each replica counts for itself: such a limit is better than none. */
function withFallback (shared: Counter, local: Counter, redis: RedisConnection): Counter {
  let retryAtMs = 0
  return async (request, options) => {
    if (performance.now() < retryAtMs) return local(request, options)
    try {
      const count = await shared(request, options)
      redis.reportSuccess()
      return count
    } catch (error) {
      redis.reportFailure(error)
      retryAtMs = performance.now() + redisRetryMs
      return local(request, options)
    }
  }
}
