import { TokenRefusal } from './refusal.ts'

/**
 * The token of a request, from its `Authorization` header alone: `Bearer <token>` (RFC 6750 2.1), or the bare token, as the
 * tutorial sends it. Undefined where there is none, or where the client tried another scheme (RFC 6750 3.1).
 * @param rawHeaders names and values in turn, as Node received them: it hides a second `Authorization`
 * @throws {TokenRefusal} for two headers
 */
export function readBearer (rawHeaders: string[]): string | undefined {
  let value: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length !== 13 || rawHeaders[index]?.toLowerCase() !== 'authorization') continue
    if (value !== undefined) throw new TokenRefusal('two_headers', 'The request has two Authorization headers')
    value = rawHeaders[index + 1]
  }
  if (value === undefined) return undefined

  const scheme = bearer.exec(value)?.[0]
  if (scheme !== undefined) return value.slice(scheme.length) || undefined
  return value === '' || otherScheme.test(value) ? undefined : value
}

const bearer = /^bearer(?: +|$)/i
// A scheme's name is followed by credentials, and has no dot; every token has.
const otherScheme = /^[\w!#$%&'*+^`|~-]+ /
