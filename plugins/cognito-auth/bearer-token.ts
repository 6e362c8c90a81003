import { refusal } from './errors.ts'

/**
 * Reads the token of a request from its `Authorization` header: `Bearer <token>` (RFC 6750 2.1), the scheme
 * in any case. A token alone is accepted too, as API Gateway's authorizers do.
 * @param rawHeaders names and values in turn, as Node received them. `request.headers` hides a second
 *   `Authorization`.
 * @returns undefined without a token, and for another scheme (RFC 6750 3.1)
 * @throws {CognitoAuthError} `two_headers`
 */
export function readBearerToken (rawHeaders: string[]): string | undefined {
  let value: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length !== 13 || rawHeaders[index]?.toLowerCase() !== 'authorization') continue
    if (value !== undefined) throw refusal('two_headers', 'The request has two Authorization headers')
    value = rawHeaders[index + 1]
  }
  if (value === undefined) return undefined

  const scheme = bearer.exec(value)?.[0]
  if (scheme !== undefined) return value.slice(scheme.length) || undefined
  return value === '' || otherScheme.test(value) ? undefined : value
}

const bearer = /^bearer(?: +|$)/i
// Another scheme's name is followed by a space and its credentials. A name has no dot, and every token has
// dots.
const otherScheme = /^[\w!#$%&'*+^`|~-]+ /
