import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Problem } from '../src/problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Adds a function that is called once for each request, with the status under which the request is logged and counted. */
    observeRequests (observe: ObserveRequest): void
  }
  interface FastifyRequest {
    [refusal]: Problem | undefined
    /** The problem that the request was refused with. */
    problem: Problem | null
  }
}

export type ObserveRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void

/** The status of a request whose client left before the response was sent. Clients never see it; nginx logs the same number. */
const clientClosedRequest = 499

const refusal = Symbol('problem written to the socket')
/** The requests in progress on each connection. A listener for each request would cost a tenth of a short request. */
const inProgress = new WeakMap<Socket, Set<FastifyReply>>()

/** The request in progress whose response Node is about to send on a socket. */
export function requestOf (socket: Socket, response: ServerResponse): FastifyRequest | undefined {
  return Array.from(inProgress.get(socket) ?? []).find(({ raw }) => raw === response)?.request
}

/** Notes the problem that was written to the socket of a request, past its response object. */
export function noteRefusal (request: FastifyRequest, problem: Problem): void {
  request[refusal] = problem
}

/** Reports each request once: when its response has been sent, or when its connection closes before. */
const plugin: FastifyPluginAsync = async fastify => {
  const observers: ObserveRequest[] = []
  fastify.decorate('observeRequests', observe => { observers.push(observe) })
  fastify.decorateRequest(refusal, undefined)
  fastify.decorateRequest('problem', null)

  fastify.addHook('onRequest', ({ raw: { socket } }, reply, done) => {
    const replies = inProgress.get(socket) ?? watch(socket)
    replies.add(reply)
    done()
  })
  // Fastify runs this when the response was sent, and also when a handler writes after the client left.
  fastify.addHook('onResponse', (request, reply, done) => {
    if (inProgress.get(request.raw.socket)?.delete(reply) === true) report(reply, reply.statusCode)
    done()
  })

  function watch (socket: Socket): Set<FastifyReply> {
    const replies = new Set<FastifyReply>()
    inProgress.set(socket, replies)
    socket.once('close', () => {
      inProgress.delete(socket)
      for (const reply of replies) {
        const { request } = reply
        request.problem = request[refusal] ?? request.problem
        report(reply, request[refusal]?.statusCode ?? clientClosedRequest)
      }
    })
    return replies
  }

  function report (reply: FastifyReply, status: number): void {
    for (const observe of observers) observe(reply.request, reply, status)
  }
}

export const requestOutcome = fp(plugin, { name: 'request-outcome' })
