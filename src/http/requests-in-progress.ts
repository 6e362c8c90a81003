import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyRequest {
    [socketProblem]: Problem | undefined
  }
}

/** The problem that was written to the socket of a request directly, not through its response object. */
export const socketProblem = Symbol('problem written to the socket')

/**
 * The requests in progress on each connection. A listener for each request would cost a tenth of a short
 * request.
 */
export const requestsInProgress = new WeakMap<object, Set<FastifyReply>>()

/** The request in progress whose response Node sends next on a socket. */
export function findRequest (socket: Socket, response: ServerResponse): FastifyRequest | undefined {
  return Array.from(requestsInProgress.get(socket) ?? []).find(({ raw }) => raw === response)?.request
}
