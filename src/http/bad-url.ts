import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

const reasons = new WeakMap<IncomingMessage, Error>()

/**
 * Fastify's `frameworkErrors`: what the router cannot read would be answered outside of all hooks, without a limit. So it is routed
 * once more, to an address where nothing is.
 */
export function routeNowhere (error: Error, { raw }: FastifyRequest, reply: FastifyReply): void {
  reasons.set(raw, error)
  raw.url = '/%25'
  reply.server.routing(raw, reply.raw)
}

/** Why the router could not read the address of a request; undefined where it could. */
export function whyUnroutable ({ raw }: FastifyRequest): Error | undefined {
  return reasons.get(raw)
}
