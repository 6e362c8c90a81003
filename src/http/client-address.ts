import { isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/** The longest address: an IPv6 address with a zone, brackets and a port. */
const maxAddressLength = 100

/**
 * The client's address, as a key for limits. A forwarded address that cannot be read counts as the connection's own.
 * A connection that was reset before its address could be read is `unknown`.
 */
export function clientAddress (request: Pick<FastifyRequest, 'ip' | 'raw'>): string {
  const { remoteAddress } = request.raw.socket
  if (remoteAddress === undefined) return 'unknown'
  return readAddress(request.ip) ?? readAddress(remoteAddress) ?? 'unknown'
}

/**
 * Reads an address that may have a port, brackets or a zone. An IPv4-mapped IPv6 address is its IPv4 address.
 * An IPv6 address stands for its /64 network, since one client may use every address of a /64.
 */
export function readAddress (text: string): string | undefined {
  if (text.length > maxAddressLength) return undefined
  const trimmed = text.trim()
  const withPort = /^\[([^\]]*)\](?::\d*)?$/.exec(trimmed) ?? /^([^:]*):\d*$/.exec(trimmed)
  const [ip = ''] = (withPort?.[1] ?? trimmed).split('%', 1)
  if (isIP(ip) === 0) return undefined
  // V8 keeps a whole header alive for a slice of it. The copy frees the header.
  return Buffer.from(normalizeIP(ip)).toString()
}
