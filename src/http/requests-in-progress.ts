import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../problems/catalogue.ts'

declare module 'fastify' {
  interface FastifyRequest {
    [rejection]: Problem | undefined
  }
}

/** Holds the problem that was written to the socket of a request, past its response object. */
export const rejection = Symbol('problem written to the socket')

/** The requests in progress on each connection. A listener for each request would cost a tenth of a short request. */
export const requestsInProgress = new WeakMap<Socket, Set<FastifyReply>>()

/** The request in progress whose response Node is about to send on a socket. */
export function requestOf (socket: Socket, response: ServerResponse): FastifyRequest | undefined {
  return Array.from(requestsInProgress.get(socket) ?? []).find(({ raw }) => raw === response)?.request
}

/** Notes the problem that was written to the socket of a request, past its response object. */
export function noteRejection (request: FastifyRequest, problem: Problem): void {
  request[rejection] = problem
}
