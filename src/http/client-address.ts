import { isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/** The longest address: an IPv6 address with a zone, brackets and a port. */
const maxAddressLength = 100

/**
 * The client's address, as a key for limits. Without a valid forwarded address it is the address of the
 * connection. It is `unknown` for a connection that was reset before its address was read.
 */
export function clientAddress (request: Pick<FastifyRequest, 'ip' | 'raw'>): string {
  const { remoteAddress } = request.raw.socket
  if (remoteAddress === undefined) return 'unknown'
  return parseAddress(request.ip) ?? parseAddress(remoteAddress) ?? 'unknown'
}

/**
 * Parses an address that may have a port, brackets or a zone. An IPv4-mapped IPv6 address becomes the IPv4
 * address. An IPv6 address becomes its /64 network, because one client may use every address of a /64.
 */
export function parseAddress (text: string): string | undefined {
  if (text.length > maxAddressLength) return undefined
  const trimmed = text.trim()
  const withPort = /^\[([^\]]*)\](?::\d*)?$/.exec(trimmed) ?? /^([^:]*):\d*$/.exec(trimmed)
  const [ip = ''] = (withPort?.[1] ?? trimmed).split('%', 1)
  if (isIP(ip) === 0) return undefined
  // A slice would keep the whole header in memory, so this copies the characters.
  return Buffer.from(normalizeIP(ip)).toString()
}
