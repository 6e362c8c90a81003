import { isUtf8 } from 'node:buffer'
import { maxKidLength } from './keys/key-set.ts'
import { TokenRefusal } from './refusal.ts'

/** What a token says of itself; nothing of it is verified. */
export interface UnverifiedToken {
  kid: string
  issuer: string
}

const maxTokenLength = 8 * 1024
const compactSerialization = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/

/**
 * Reads as much of a token (RFC 7515 7.1) as is needed to find the key that would verify it.
 * @throws {TokenRefusal} for what no key could make acceptable
 */
export function readToken (token: string): UnverifiedToken {
  if (token.length > maxTokenLength) throw new TokenRefusal('too_long', 'The token is longer than 8 kB')
  const [, ...segments] = compactSerialization.exec(token) ?? []
  const [headerSegment, payloadSegment] = segments
  if (headerSegment === undefined || payloadSegment === undefined || !segments.every(isCanonical)) {
    throw new TokenRefusal('malformed', 'The token is not three base64url segments')
  }

  const { alg, kid, ...header } = decodeObject(headerSegment, 'header')
  if (alg !== 'RS256') throw new TokenRefusal('algorithm', 'The token is not signed with RS256')
  if (typeof kid !== 'string' || kid === '' || kid.length > maxKidLength) {
    throw new TokenRefusal('key_id', 'The token does not name its key')
  }
  // RFC 7515 4.1.11: a critical extension that is not understood must be refused; none is. RFC 7797 6: b64 is one.
  if ('crit' in header || 'b64' in header) throw new TokenRefusal('critical_header', 'The token has critical header parameters')

  const { iss } = decodeObject(payloadSegment, 'payload')
  if (typeof iss !== 'string') throw new TokenRefusal('issuer', 'The token does not name its issuer')
  return { kid, issuer: iss }
}

// RFC 4648 3.5: the bits that encode nothing are zero, so that a token has one spelling.
function isCanonical (segment: string): boolean {
  const last = segment.charAt(segment.length - 1)
  switch (segment.length % 4) {
    case 0: return true
    case 2: return 'AQgw'.includes(last)
    case 3: return 'AEIMQUYcgkosw048'.includes(last)
    default: return false
  }
}

function decodeObject (segment: string, part: string): Record<string, unknown> {
  try {
    const bytes = Buffer.from(segment, 'base64url')
    if (!isUtf8(bytes)) throw new SyntaxError('not UTF-8')
    const value: unknown = JSON.parse(bytes.toString())
    if (isObject(value)) return value
  } catch (cause) {
    throw new TokenRefusal('malformed', `The token's ${part} is not JSON in UTF-8`, { cause })
  }
  throw new TokenRefusal('malformed', `The token's ${part} is not a JSON object`)
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
