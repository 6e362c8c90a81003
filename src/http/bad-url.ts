import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The errors of the router, by request. */
const errors = new WeakMap<IncomingMessage, Error>()

/**
 * Fastify's `frameworkErrors`. Fastify answers a URL that the router cannot decode outside of all hooks,
 * without a rate limit. So the request is routed again, to a path that no route has.
 */
export function routeBadUrl (error: Error, { raw }: FastifyRequest, reply: FastifyReply): void {
  errors.set(raw, error)
  raw.url = '/%25'
  reply.server.routing(raw, reply.raw)
}

/** The error of the router for a URL that it could not decode. */
export function badUrlError ({ raw }: FastifyRequest): Error | undefined {
  return errors.get(raw)
}
