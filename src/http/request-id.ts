import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

// Without a dot, so that no token is taken for an id. Without a comma, by which Node joins two headers.
const wellFormed = /^[\w:-]{1,64}$/

/** The `X-Request-Id` of the client or a proxy, where it is well formed. Otherwise a new id. */
export function requestId ({ headers: { 'x-request-id': given } }: Pick<IncomingMessage, 'headers'>): string {
  return typeof given === 'string' && wellFormed.test(given) ? given : randomUUID()
}
