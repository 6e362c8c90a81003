import { isUtf8 } from 'node:buffer'
import { refusal } from './errors.ts'
import { maxKidLength } from './keys/key-set.ts'

/** The parts of a token that choose its key. Nothing in them is verified yet. */
export interface UnverifiedToken {
  header: Record<string, unknown>
  kid: string
  issuer: string
}

const compactSerialization = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/

/**
 * Reads the issuer and the key id of a token (RFC 7515 7.1), and refuses a token that no key could make
 * acceptable.
 * @param maxTokenBytes a token is ASCII, so its characters are its bytes
 * @throws {CognitoAuthError}
 */
export function readToken (token: string, maxTokenBytes: number): UnverifiedToken {
  if (token.length > maxTokenBytes) throw refusal('too_long', `The token is longer than ${maxTokenBytes} bytes`)
  const [, ...segments] = compactSerialization.exec(token) ?? []
  const [headerSegment, payloadSegment] = segments
  if (headerSegment === undefined || payloadSegment === undefined || !segments.every(isCanonical)) {
    throw refusal('malformed', 'The token is not three base64url segments')
  }

  const header = decodeObject(headerSegment, 'header')
  const { alg, kid } = header
  if (alg !== 'RS256') throw refusal('algorithm', 'The token is not signed with RS256')
  if (typeof kid !== 'string' || kid === '' || kid.length > maxKidLength) {
    throw refusal('key_id', 'The token does not name its key')
  }
  // RFC 7515 4.1.11: a critical extension that is not understood must be refused; none is. RFC 7797 6: b64 is
  // one.
  if ('crit' in header || 'b64' in header) throw refusal('critical_header', 'The token has critical header parameters')

  const { iss } = decodeObject(payloadSegment, 'payload')
  if (typeof iss !== 'string') throw refusal('issuer', 'The token does not name its issuer')
  return { header, kid, issuer: iss }
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
    throw refusal('malformed', `The token's ${part} is not JSON in UTF-8`, cause)
  }
  throw refusal('malformed', `The token's ${part} is not a JSON object`)
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
