import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Problem } from '../problems.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Adds a function that is called once for each request, with the status under which the request is logged and counted. */
    observeRequests (observe: ObserveRequest): void
  }
  interface FastifyRequest {
    [isOver]: boolean
    [refusal]: Problem | undefined
    /** The problem that the request was refused with. */
    problem: Problem | null
  }
}

export type ObserveRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void

/** The status of a request whose client left before the response was sent. Clients never see it; nginx logs the same number. */
const clientClosedRequest = 499

const isOver = Symbol('request is over')
const refusal = Symbol('problem written to the socket')
const requests = new WeakMap<ServerResponse, FastifyRequest>()

/** The request of a response of Node's. */
export function requestOf (response: ServerResponse): FastifyRequest | undefined {
  return requests.get(response)
}

/** Notes the problem that was written to the socket of a request, past its response object. */
export function noteRefusal (request: FastifyRequest, problem: Problem): void {
  request[refusal] = problem
}

/** Reports each request once: when its response has been sent, or when its connection closes before. */
const plugin: FastifyPluginAsync = async fastify => {
  const observers: ObserveRequest[] = []
  fastify.decorate('observeRequests', observe => { observers.push(observe) })
  fastify.decorateRequest(isOver, false)
  fastify.decorateRequest(refusal, undefined)
  fastify.decorateRequest('problem', null)

  fastify.addHook('onRequest', (request, reply, done) => {
    requests.set(reply.raw, request)
    // Node emits `close` for every response: after `finish` where the response was sent, without it where the connection closed.
    reply.raw.once('close', () => {
      request.problem = request[refusal] ?? request.problem
      report(request, reply, request[refusal]?.statusCode ?? clientClosedRequest)
    })
    done()
  })
  // Fastify runs this on `finish`, and also when a handler writes after the client left.
  fastify.addHook('onResponse', (request, reply, done) => {
    report(request, reply, reply.statusCode)
    done()
  })

  function report (request: FastifyRequest, reply: FastifyReply, status: number): void {
    if (request[isOver]) return
    request[isOver] = true
    for (const observe of observers) observe(request, reply, status)
  }
}

export const requestOutcome = fp(plugin, { name: 'request-outcome' })
