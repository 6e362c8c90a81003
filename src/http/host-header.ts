import type { IncomingMessage } from 'node:http'

/**
 * Whether a request has exactly one `Host` header (RFC 9112 3.2). HTTP/1.0 may have none. Node uses the first
 * of two.
 */
export function hasOneHost ({ rawHeaders, httpVersion }: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length === 4 && rawHeaders[index]?.toLowerCase() === 'host') count++
  }
  return count === 1 || (count === 0 && httpVersion === '1.0')
}
