import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preParsingHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { BodyBudget } from '../src/http/body-budget.ts'
import { clientAddress } from '../src/http/client-address.ts'
import { ConcurrencyLimit } from '../src/http/concurrency-limit.ts'
import { requestsInProgress } from '../src/http/requests-in-progress.ts'
import { type Problem, temporaryProblem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The body of the route is signed. A request counts for its address only when the signature is invalid.
     */
    hasSignedBody?: boolean
  }
  interface FastifyInstance {
    /**
     * Waits until the user has fewer requests in progress, or rejects with 429. Undefined: the request need
     * not wait.
     */
    admitUser (request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined
  }
  interface FastifyRequest {
    [address]: string | null
    /** The client's address, as a key for limits. */
    readonly clientAddress: string
    /**
     * The limits for the request. `user`: the route needs a token. `signature`: the route has a signed body.
     */
    limitedBy: 'address' | 'user' | 'signature' | 'nothing'
  }
}

const address = Symbol('client address')
const maxWaitMs = 5_000

/**
 * The requests in progress of one user. Further requests wait in a queue of the same user, so that they do
 * not delay other users. A client with 1,000 connections stays within these limits.
 */
const perUser = { maxRunning: 256, maxWaiting: 768, maxWaitMs }
/** The searches in progress of one user. */
const searchesPerUser = { maxRunning: 4, maxWaiting: 64, maxWaitMs }
/** The requests in progress of one address on routes that need no token, such as the pages. */
const perAddress = { maxRunning: 256, maxWaiting: 0, maxWaitMs }
/**
 * The requests in progress on one connection, for routes without any other limit, such as readiness. Probes
 * do not pipeline. While the database hung, pipelined requests for readiness took 800 MB (2026-11-28).
 */
const maxUnlimitedPerConnection = 10
/**
 * The bodies that are still arriving. A container of 256 MB has room for them beside the 120 MB that it uses.
 */
const bodies = { maxOwnerBytes: 1024 * 1024, maxBytes: 16 * 1024 * 1024 }

/** Limits the requests in progress of each user and each address, and the memory of unfinished bodies. */
const requestLimits: FastifyPluginAsync = async fastify => {
  const users = new ConcurrencyLimit(perUser)
  const searches = new ConcurrencyLimit(searchesPerUser)
  const addresses = new ConcurrencyLimit(perAddress)
  const budget = new BodyBudget(bodies)

  fastify.decorateRequest(address, null)
  fastify.decorateRequest('clientAddress', {
    getter (this: FastifyRequest) {
      this[address] ??= clientAddress(this)
      return this[address]
    }
  })
  fastify.decorateRequest('limitedBy', 'address')

  fastify.addHook('onRequest', (request, reply, done) => {
    request.limitedBy = limitOf(request)
    if (mayBegin(request, reply)) done()
    else done(tooManyRequests())
  })

  function mayBegin ({ clientAddress, limitedBy, raw: { socket } }: FastifyRequest, reply: FastifyReply): boolean {
    if (limitedBy === 'nothing') return (requestsInProgress.get(socket)?.size ?? 0) <= maxUnlimitedPerConnection
    return limitedBy !== 'address' || addresses.admit(clientAddress, reply.raw, () => false) === true
  }

  fastify.decorate('admitUser', (request, reply) => {
    if (isSearch(request)) return admitSearch(request, reply)
    const isAdmitted = admit(users, request, reply)
    return isAdmitted === true ? undefined : rejectUnless(isAdmitted)
  })

  async function admitSearch (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await rejectUnless(admit(searches, request, reply))
    await rejectUnless(admit(users, request, reply))
  }

  // A `preParsing` hook costs every request of its route, so routes without a body have none.
  fastify.addHook('onRoute', route => {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.preParsing = [limitBody, ...[route.preParsing ?? []].flat()]
  })

  const limitBody: preParsingHookHandler = (request, reply, payload, done) => {
    if (hasBody(request) && !request.raw.complete) queueMicrotask(receive)
    else done(null, payload)

    // By now the parser has read the bytes that arrived together with the headers. Mostly these are the whole
    // body.
    function receive (): void {
      const { raw, routeOptions: { bodyLimit = 0 } } = request
      const length = Number(raw.headers['content-length'] ?? bodyLimit)
      const owner = fastify.cognito.findUser(request)?.key ?? request.clientAddress
      if (raw.complete || length > bodyLimit) done(null, payload)
      else done(null, budget.receive(owner, raw, reply.raw, length))
    }
  }
}

function limitOf ({ is404, routeOptions: { config, schema } }: FastifyRequest): FastifyRequest['limitedBy'] {
  if (config.rateLimit === false) return 'nothing'
  if (config.hasSignedBody === true) return 'signature'
  const needsToken = !is404 && schema !== undefined && schema.hide !== true && schema.security === undefined
  return needsToken ? 'user' : 'address'
}

// A request with an unfinished body does not wait: the part that has arrived would stay in memory.
function admit (limit: ConcurrencyLimit, request: FastifyRequest, { raw }: FastifyReply): boolean | Promise<boolean> {
  return limit.admit(request.user.key, raw, () => !hasBody(request) || request.raw.complete)
}

async function rejectUnless (isAdmitted: boolean | Promise<boolean>): Promise<void> {
  if (!await isAdmitted) throw tooManyRequests()
}

function isSearch ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'q' in query
}

function hasBody ({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function tooManyRequests (): Problem {
  return temporaryProblem('rate_limited', 'Too many of your requests are in progress. Wait for their responses, and try again.')
}

export default fp(requestLimits, { name: 'request-limits', dependencies: ['authentication', 'request-outcome'] })
