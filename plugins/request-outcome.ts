import type { Socket } from 'node:net'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { requestsInProgress, socketProblem } from '../src/http/requests-in-progress.ts'
import type { Problem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Adds a function that is called once for each request, with the status for its log line and its metrics.
     */
    observeRequests (observe: ObserveRequest): void
    /** The number of requests in progress. */
    countRequestsInProgress: () => number
  }
  interface FastifyRequest {
    /** The problem in the response. */
    problem: Problem | null
  }
}

export type ObserveRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void

/**
 * The status of a request whose client left before the response was sent. No client sees it; nginx logs the
 * same number.
 */
const clientClosedRequest = 499

/** Reports each request once: when its response was sent, or when its connection closes before. */
const requestOutcome: FastifyPluginAsync = async fastify => {
  const observers: ObserveRequest[] = []
  let inProgress = 0
  fastify.decorate('observeRequests', observe => { observers.push(observe) })
  fastify.decorate('countRequestsInProgress', () => inProgress)
  fastify.decorateRequest(socketProblem, undefined)
  fastify.decorateRequest('problem', null)

  fastify.addHook('onRequest', ({ raw: { socket } }, reply, done) => {
    const replies = requestsInProgress.get(socket) ?? watch(socket)
    replies.add(reply)
    inProgress++
    done()
  })
  // Fastify runs this hook when the response was sent, and also when a handler writes after the client left.
  fastify.addHook('onResponse', (request, reply, done) => {
    if (requestsInProgress.get(request.raw.socket)?.delete(reply) === true) {
      inProgress--
      report(reply, reply.statusCode)
    }
    done()
  })

  function watch (socket: Socket): Set<FastifyReply> {
    const replies = new Set<FastifyReply>()
    requestsInProgress.set(socket, replies)
    socket.once('close', () => {
      requestsInProgress.delete(socket)
      inProgress -= replies.size
      for (const reply of replies) {
        const { request } = reply
        request.problem = request[socketProblem] ?? request.problem
        report(reply, request[socketProblem]?.statusCode ?? clientClosedRequest)
      }
    })
    return replies
  }

  function report (reply: FastifyReply, status: number): void {
    for (const observe of observers) observe(reply.request, reply, status)
  }
}

export default fp(requestOutcome, { name: 'request-outcome' })
