import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Redis } from 'ioredis'
import { RateLimitStore } from './rate-limit-store.ts'

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

/** After a failure, Redis is not used for this time. Otherwise each request would wait for a Redis that hangs. */
const redisRetryMs = 1_000

/**
 * Creates a counter.
 * @param keyOf returns the user or the address that a request counts for
 * @param redis the store that the replicas share. Without it, each process counts for itself.
 */
export async function createCounter (fastify: FastifyInstance, limit: RateLimit, keyOf: (request: FastifyRequest) => string, redis?: Redis): Promise<Counter> {
  const local = await createCounterIn({ store: RateLimitStore })
  if (redis === undefined) return local
  return withFallback(await createCounterIn({ redis, nameSpace: 'articles-rate-limit-' }), local)

  // `@fastify/rate-limit` has one store for each scope.
  async function createCounterIn (store: { store: typeof RateLimitStore } | { redis: Redis, nameSpace: string }): Promise<Counter> {
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
function withFallback (shared: Counter, local: Counter): Counter {
  let retryAtMs = 0
  return async (request, options) => {
    if (performance.now() < retryAtMs) return local(request, options)
    try {
      return await shared(request, options)
    } catch {
      retryAtMs = performance.now() + redisRetryMs
      return local(request, options)
    }
  }
}

/** Connects to the Redis of the rate limits. The service starts and runs without it. */
export async function connectRedis (fastify: FastifyInstance, url: string): Promise<Redis> {
  // Loaded on demand: a service without Redis starts faster.
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 2_000, commandTimeout: 500 })
  let isReachable = true
  redis.on('error', error => {
    if (isReachable) fastify.log.warn({ err: error }, 'Redis cannot be reached; each replica counts rate limits for itself')
    isReachable = false
  })
  redis.on('ready', () => { isReachable = true })
  fastify.addHook('onClose', async () => redis.disconnect())
  await redis.connect().catch(() => {})
  return redis
}
