import type { FastifyReply } from 'fastify'

/** A response as it is sent to the first request, and again to each retry. */
export interface StoredResponse {
  status: number
  /** The headers that describe the body or the resource. Each response adds its own, such as the request id. */
  headers: Record<string, string>
  body: string
}

/**
 * Prepares a reply with the bytes as they are: a response schema that has changed since does not concern them.
 * @returns the body, for the handler to return. A handler that sends it itself, or returns the reply, costs 40 µs more.
 */
export function prepareReply (reply: FastifyReply, { status, headers, body }: StoredResponse): string {
  reply.code(status).headers(headers)
  return body
}
