import cluster from 'node:cluster'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { PrimaryRateLimitStore } from '../src/cluster/primary-rate-limit-store.ts'
import { connectRedis, type RedisConnection } from '../src/http/redis-connection.ts'
import { RateLimitStore } from '../src/http/rate-limit-store.ts'
import { temporaryProblem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An `onRequest` hook, after `authenticate`: counts the request for its user, or 429. */
    limitUser (request: FastifyRequest, reply: FastifyReply): Promise<void>
    /** Refuses with 429 when the address of the request has used up its requests. It does not count the request. */
    limitAddress (request: FastifyRequest, reply: FastifyReply): Promise<void>
    /** Whether the replicas share their rate limits now. Absent where there is no Redis. */
    areLimitsShared: (() => boolean) | undefined
  }
  interface FastifyRequest {
    /** Whether the route has verified its sender without a token. Such a request does not count for its address. */
    isProven: boolean
  }
}

interface RateLimitOptions {
  rateLimitMax: number
  /** Seconds. */
  rateLimitWindow: number
  redisUrl: string | undefined
}

interface Count {
  remaining: number
  exceeded: boolean
  /** Seconds until the window ends; 0 where none has begun. */
  reset: number
}

/** Whom a request counts for. */
type Stage = 'address' | 'user'

type Counter = (request: FastifyRequest, options?: { increment: boolean }) => Promise<Count>

/**
 * Limits requests in two stages. What comes without a verified user, be it a bad token or an unknown address, counts for the
 * network address it comes from, and is refused before anything is verified once that has had its share; a token that
 * verified before passes even then. What comes with one counts for the user.
 */
const rateLimits: FastifyPluginAsync<RateLimitOptions> = async (fastify, { rateLimitMax: max, rateLimitWindow: window, redisUrl }) => {
  fastify.decorateRequest('isProven', false)
  fastify.decorate('areLimitsShared', undefined)
  if (max === 0) {
    fastify.decorate('limitUser', async (request, reply) => fastify.admitUser(request, reply))
    fastify.decorate('limitAddress', async () => {})
    return
  }
  const limits = { max, timeWindow: window * 1000 }
  const { countAddress, countUser } = await counters(fastify, redisUrl, limits)

  fastify.addHook('onRequest', (request, reply, done) => {
    const { countsFor } = request
    if (countsFor === 'nobody' || countsFor === 'sender' || (countsFor === 'user' && fastify.cognito.tokenState(request) === 'known')) done()
    else fastify.limitAddress(request, reply).then(() => done(), done)
  })

  fastify.addHook('onSend', (request, reply, _payload, done) => {
    // A preflight is the browser's own, and answered without any work.
    const isPreflight = request.method === 'OPTIONS' && reply.statusCode === 204
    const isFree = isPreflight || request.countsFor === 'nobody'
    if (isFree || fastify.cognito.findUser(request) !== null || request.isProven || reply.statusCode === 429) done()
    else countAddress(request).then(count => tell(reply, 'address', count)).then(() => done(), done)
  })

  fastify.decorate('limitAddress', async (request, reply) => {
    const count = await countAddress(request, { increment: false })
    if (count.remaining === 0) refuse(reply, 'address', count)
  })

  fastify.decorate('limitUser', async (request, reply) => {
    const count = await countUser(request)
    if (count.exceeded) refuse(reply, 'user', count)
    tell(reply, 'user', count)
    const wait = fastify.admitUser(request, reply)
    if (wait !== undefined) await wait
  })

  function refuse (reply: FastifyReply, stage: Stage, count: Count): never {
    tell(reply, stage, count)
    throw temporaryProblem('rate_limited', `No more than ${max} requests in ${window} s are taken here.`, { retryAfter: Math.max(1, count.reset) })
  }

  // https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/: a policy by its name, and what is left of that one.
  const policies = { address: `"address";q=${max};w=${window}`, user: `"user";q=${max};w=${window}` }
  function tell (reply: FastifyReply, stage: Stage, { remaining, reset }: Count): void {
    reply.header('ratelimit-policy', policies[stage]).header('ratelimit', `"${stage}";r=${remaining};t=${reset === 0 ? window : reset}`)
  }
}

interface Limits {
  max: number
  /** Milliseconds. */
  timeWindow: number
}

async function counters (fastify: FastifyInstance, redisUrl: string | undefined, limits: Limits) {
  const local = await countersIn(fastify, undefined, limits)
  if (redisUrl === undefined) return local

  const connection = await connectRedis(redisUrl, fastify.log)
  fastify.addHook('onClose', async () => connection.redis.disconnect())
  fastify.areLimitsShared = connection.isShared
  const shared = await countersIn(fastify, connection.redis, limits)
  return { countAddress: orElse(shared.countAddress, local.countAddress, connection), countUser: orElse(shared.countUser, local.countUser, connection) }
}

/** Counters in a scope of their own, since @fastify/rate-limit has one store a scope. */
async function countersIn (fastify: FastifyInstance, redis: RedisConnection['redis'] | undefined, limits: Limits) {
  let result: { countAddress: Counter, countUser: Counter } | undefined
  await fastify.register(async scope => {
    await scope.register(rateLimit, { global: false, ...(redis ? { redis, nameSpace: 'articles-rate-limit-' } : { store: cluster.isWorker ? PrimaryRateLimitStore : RateLimitStore }) })
    result = {
      countAddress: asCounter(scope.createRateLimit({ ...limits, keyGenerator: request => request.clientAddress })),
      countUser: asCounter(scope.createRateLimit({ ...limits, keyGenerator: request => request.user.key }))
    }
  })
  if (result === undefined) throw new Error('the counters were not made')
  return result
}

function asCounter (check: ReturnType<FastifyInstance['createRateLimit']>): Counter {
  return (request, options) => check(request, options).then(count => count.isAllowed
    ? { remaining: Infinity, exceeded: false, reset: 0 }
    : { remaining: count.remaining, exceeded: count.isExceeded, reset: count.ttlInSeconds })
}

/** For how long Redis is not asked again when it did not answer, in milliseconds: a Redis that hangs is not to be waited for by each request. */
const respite = 1_000

/** Limits that hold for this process alone are better than none, while Redis is away. */
function orElse (shared: Counter, local: Counter, connection: RedisConnection): Counter {
  let awayUntil = 0
  return async (request, options) => {
    if (performance.now() < awayUntil) return local(request, options)
    try {
      const count = await shared(request, options)
      connection.reportSuccess()
      return count
    } catch (error) {
      connection.reportFailure(error)
      awayUntil = performance.now() + respite
      return local(request, options)
    }
  }
}

export default fp(rateLimits, { name: 'rate-limit', dependencies: ['authentication', 'request-limits'] })
