import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

// No dot, so that no token passes for one; no comma, by which two headers become one.
const wellFormed = /^[\w:-]{1,64}$/

/** The id that the client, or a proxy, gave the request, where it is well formed; otherwise a new one. */
export function requestId ({ headers: { 'x-request-id': given } }: Pick<IncomingMessage, 'headers'>): string {
  return typeof given === 'string' && wellFormed.test(given) ? given : randomUUID()
}
