import { BlockList, isIP } from 'node:net'
import { readPostgresUrl } from '../database/postgres/url.ts'
import { isCorsOrigin } from '../http/cors-origins.ts'

/** The formats of variables that a pattern cannot check. */
export const formats: Record<string, (value: string) => boolean> = {
  'http-url': value => isHttpUrl(value) && !value.includes('?'),
  'jwks-uri': value => isHttpUrl(expandPool(value)),
  'origin-list': value => splitList(value).every(isCorsOrigin),
  'address-list': value => splitList(value).every(isAddressOrRange),
  'database-url': value => /^sqlite:(?!file:)[^?]+$/.test(value) || readPostgresUrl(value) !== undefined,
  'redis-url': value => /^rediss?(\+cluster)?:$/.test(URL.parse(value)?.protocol ?? ''),
  port: value => isInteger(value, 0, 65_535),
  'sync-interval': value => isInteger(value, 60, 604_800),
  seconds: value => isInteger(value, 1, 86_400),
  workers: value => isInteger(value, 1, 256),
  'request-count': value => isInteger(value, 0, 1_000_000_000)
}

/** The items of a comma-separated list, without white space and empty items. */
export function splitList (value: string): string[] {
  return value.split(',').map(item => item.trim()).filter(item => item !== '')
}

/** A URL with a pool id in place of `{pool}`, so that it can be parsed. */
export function expandPool (url: string): string {
  return url.replaceAll('{pool}', 'pool')
}

function isHttpUrl (value: string): boolean {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  return url.username === '' && url.password === '' && !value.includes('#')
}

function isAddressOrRange (value: string): boolean {
  const [address = '', prefix] = value.split('/')
  const family = isIP(address)
  if (family === 0) return false
  if (prefix === undefined) return true
  try {
    new BlockList().addSubnet(address, /^\d+$/.test(prefix) ? Number(prefix) : -1, family === 6 ? 'ipv6' : 'ipv4')
    return true
  } catch {
    return false
  }
}

function isInteger (value: string, min: number, max: number): boolean {
  return /^\d{1,10}$/.test(value) && Number(value) >= min && Number(value) <= max
}
