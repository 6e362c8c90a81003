import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preParsingHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { BodyBudget } from '../src/http/body-budget.ts'
import { clientAddress } from '../src/http/client-address.ts'
import { ConcurrencyLimit } from '../src/http/concurrency-limit.ts'
import { requestsInProgress } from '../src/http/requests-in-progress.ts'
import { type Problem, temporaryProblem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route proves its sender by its body. It counts for the address once that proof has failed. */
    limitAfterProof?: boolean
  }
  interface FastifyInstance {
    /** Waits until the user of the request has fewer requests in progress, or refuses it with 429. Undefined: no need to wait. */
    admitUser (request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined
  }
  interface FastifyRequest {
    [address]: string | null
    /** The client's address, as a key for limits. */
    readonly clientAddress: string
    /** Which limits hold. For `user` the route takes a token. For `sender` the body proves the sender. */
    countsFor: 'address' | 'user' | 'sender' | 'nobody'
  }
}

const address = Symbol('client address')
const maxWaitMs = 5_000

/**
 * The requests of one user. The rest waits behind requests of the same user, so that other users do not wait for it.
 * A client with 1,000 connections is not refused.
 */
const perUser = { maxRunning: 256, maxWaiting: 768, maxWaitMs }
/** The searches of one user. The others of 64 connections wait. */
const searchesPerUser = { maxRunning: 4, maxWaiting: 64, maxWaitMs }
/** The requests of one address on routes that take no token, such as the pages. */
const perAddress = { maxRunning: 256, maxWaiting: 0, maxWaitMs }
/**
 * The requests in progress on one connection, for routes without any other limit, such as readiness. Probes do not pipeline.
 * While the database hung, pipelined requests for readiness took 800 MB (2026-11-28).
 */
const maxUnlimitedPerConnection = 10
/** The bodies that are still arriving, for a container of 256 MB that uses 120 MB of them. */
const bodies = { maxOwnerBytes: 1024 * 1024, maxBytes: 16 * 1024 * 1024 }

/** Bounds the requests in progress of each user and each address, and the memory of unfinished bodies. */
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
  fastify.decorateRequest('countsFor', 'address')

  fastify.addHook('onRequest', (request, reply, done) => {
    request.countsFor = countsFor(request)
    if (mayBegin(request, reply)) done()
    else done(tooMany())
  })

  function mayBegin ({ clientAddress, countsFor, raw: { socket } }: FastifyRequest, reply: FastifyReply): boolean {
    if (countsFor === 'nobody') return (requestsInProgress.get(socket)?.size ?? 0) <= maxUnlimitedPerConnection
    return countsFor !== 'address' || addresses.admit(clientAddress, reply.raw, () => false) === true
  }

  fastify.decorate('admitUser', (request, reply) => {
    if (isSearch(request)) return admitSearch(request, reply)
    const isAdmitted = admit(users, request, reply)
    return isAdmitted === true ? undefined : refuseUnless(isAdmitted)
  })

  async function admitSearch (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await refuseUnless(admit(searches, request, reply))
    await refuseUnless(admit(users, request, reply))
  }

  // A hook of its own costs each request. Routes without a body do without.
  fastify.addHook('onRoute', route => {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.preParsing = [countBody, ...[route.preParsing ?? []].flat()]
  })

  const countBody: preParsingHookHandler = (request, reply, payload, done) => {
    if (hasBody(request) && !request.raw.complete) queueMicrotask(receive)
    else done(null, payload)

    // By now the parser has read what came together with the head, which is most often the whole body.
    function receive (): void {
      const { raw, routeOptions: { bodyLimit = 0 } } = request
      const length = Number(raw.headers['content-length'] ?? bodyLimit)
      const owner = fastify.cognito.findUser(request)?.key ?? request.clientAddress
      if (raw.complete || length > bodyLimit) done(null, payload)
      else done(null, budget.receive(owner, raw, reply.raw, length))
    }
  }
}

function countsFor ({ is404, routeOptions: { config, schema } }: FastifyRequest): FastifyRequest['countsFor'] {
  if (config.rateLimit === false) return 'nobody'
  if (config.limitAfterProof === true) return 'sender'
  const takesToken = !is404 && schema !== undefined && schema.hide !== true && schema.security === undefined
  return takesToken ? 'user' : 'address'
}

// Waiting with an unfinished body would hold what has arrived of it.
function admit (limit: ConcurrencyLimit, request: FastifyRequest, { raw }: FastifyReply): boolean | Promise<boolean> {
  return limit.admit(request.user.key, raw, () => !hasBody(request) || request.raw.complete)
}

async function refuseUnless (isAdmitted: boolean | Promise<boolean>): Promise<void> {
  if (!await isAdmitted) throw tooMany()
}

function isSearch ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'q' in query
}

function hasBody ({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function tooMany (): Problem {
  return temporaryProblem('rate_limited', 'Too many requests are in progress.')
}

export default fp(requestLimits, { name: 'request-limits', dependencies: ['authentication', 'request-outcome'] })
