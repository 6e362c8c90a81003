import type { IncomingMessage } from 'node:http'

/** Whether a request has one `Host` header, as it must (RFC 9112 3.2); before HTTP/1.1 there may be none. Node takes the first of two. */
export function namesOneHost ({ rawHeaders, httpVersionMinor, httpVersionMajor }: Pick<IncomingMessage, 'rawHeaders' | 'httpVersionMinor' | 'httpVersionMajor'>): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length === 4 && rawHeaders[index]?.toLowerCase() === 'host') count++
  }
  return count === 1 || (count === 0 && httpVersionMajor === 1 && httpVersionMinor === 0)
}
