import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { createCounter, type Count } from '../src/http/rate-limit-counter.ts'
import { connectRedis } from '../src/http/redis-connection.ts'
import { temporaryProblem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * An `onRequest` hook after `authenticate`. It counts the request for its user, or rejects it with 429.
     */
    limitUser (request: FastifyRequest, reply: FastifyReply): Promise<void>
    /** Rejects a request with 429 where its address has no requests left. It does not count the request. */
    limitAddress (request: FastifyRequest, reply: FastifyReply): Promise<void>
    /** Whether the replicas share their rate limits now. Absent where there is no Redis. */
    areLimitsShared: (() => boolean) | undefined
  }
  interface FastifyRequest {
    /**
     * Whether the route has verified the signature of the body. Such a request does not count for its
     * address.
     */
    isSignatureVerified: boolean
  }
}

interface RateLimitOptions {
  rateLimitMax: number
  rateLimitWindowSeconds: number
  redisUrl: string | undefined
}

/** The name of a rate limit in the response headers. */
type Policy = 'address' | 'user'

/**
 * Limits requests in two stages.
 *
 * 1. A request without a verified user counts for its address: an invalid token, an unknown URL, a public
 *    page. Where the address has no requests left, the request is rejected before its token is verified. A
 *    cached token still passes.
 * 2. A request with a verified user counts for the user.
 */
const rateLimits: FastifyPluginAsync<RateLimitOptions> = async (fastify, { rateLimitMax: max, rateLimitWindowSeconds: windowSeconds, redisUrl }) => {
  fastify.decorateRequest('isSignatureVerified', false)
  fastify.decorate('areLimitsShared', undefined)
  if (max === 0) {
    fastify.decorate('limitUser', async (request, reply) => fastify.admitUser(request, reply))
    fastify.decorate('limitAddress', async () => {})
    return
  }
  const redis = redisUrl === undefined ? undefined : await connectRedis(redisUrl, fastify.log)
  if (redis !== undefined) {
    fastify.areLimitsShared = redis.isShared
    fastify.addHook('onClose', async () => redis.client.disconnect())
  }
  const countAddress = await createCounter(fastify, { max, windowSeconds }, request => request.clientAddress, redis)
  const countUser = await createCounter(fastify, { max, windowSeconds }, request => request.user.key, redis)

  fastify.addHook('onRequest', (request, reply, done) => {
    const { limitedBy } = request
    const hasCachedToken = limitedBy === 'user' && fastify.cognito.tokenState(request) === 'known'
    if (limitedBy === 'nothing' || limitedBy === 'signature' || hasCachedToken) done()
    else fastify.limitAddress(request, reply).then(() => done(), done)
  })

  fastify.addHook('onSend', (request, reply, _payload, done) => {
    // A browser sends preflights by itself, and the response costs nothing.
    const isPreflight = request.method === 'OPTIONS' && reply.statusCode === 204
    const isFree = isPreflight || request.limitedBy === 'nothing' || reply.statusCode === 429
    if (isFree || fastify.cognito.findUser(request) !== null || request.isSignatureVerified) done()
    else countAddress(request).then(count => setHeaders(reply, 'address', count)).then(() => done(), done)
  })

  fastify.decorate('limitAddress', async (request, reply) => {
    const count = await countAddress(request, { increment: false })
    if (count.remaining === 0) reject(reply, 'address', count)
  })

  fastify.decorate('limitUser', async (request, reply) => {
    const count = await countUser(request)
    if (count.isExceeded) reject(reply, 'user', count)
    setHeaders(reply, 'user', count)
    const admission = fastify.admitUser(request, reply)
    if (admission !== undefined) await admission
  })

  function reject (reply: FastifyReply, policy: Policy, count: Count): never {
    setHeaders(reply, policy, count)
    const retryAfter = Math.max(1, count.resetSeconds)
    const detail = `The rate limit is ${max} requests in ${windowSeconds} s. Try again in ${retryAfter} s.`
    throw temporaryProblem('rate_limited', detail, { retryAfter })
  }

  // https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
  const policies = { address: `"address";q=${max};w=${windowSeconds}`, user: `"user";q=${max};w=${windowSeconds}` }
  function setHeaders (reply: FastifyReply, policy: Policy, { remaining, resetSeconds }: Count): void {
    const rest = `"${policy}";r=${remaining};t=${resetSeconds === 0 ? windowSeconds : resetSeconds}`
    reply.header('ratelimit-policy', policies[policy]).header('ratelimit', rest)
  }
}

export default fp(rateLimits, { name: 'rate-limit', dependencies: ['authentication', 'request-limits'] })
