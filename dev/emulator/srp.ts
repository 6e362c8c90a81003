// Secure Remote Password (RFC 2945, RFC 5054) as Cognito implements it: the 3072-bit group and SHA-256. The
// derived key signs the challenge. Numbers are hashed as two's complement: a number whose first bit is set
// gets a leading zero byte.

import { createHash, createHmac, getDiffieHellman, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

// RFC 3526 section 4 has the same prime as the 3072-bit group of RFC 5054. Cognito's generator is 2.
const N = number(getDiffieHellman('modp15').getPrime())
const g = 2n
const k = hash(bytes(N), bytes(g))

export interface Credentials {
  /** The part of the user pool id after the `_`. */
  poolName: string
  userId: string
  password: string
}

export interface Challenge {
  /** Hexadecimal. */
  salt: string
  /** Hexadecimal: the B of SRP. */
  publicValue: string
  /** Base64. */
  secretBlock: string
  /** Whether a signature in base64 proves that the client has the password. */
  verify (timestamp: string, signature: string): boolean
}

/**
 * A challenge for the client's SRP_A in hexadecimal, or undefined for a value that would accept any password
 * (RFC 5054 2.5.4).
 */
export function challenge (clientValue: string, { poolName, userId, password }: Credentials): Challenge | undefined {
  const A = /^[0-9a-f]{1,1024}$/i.test(clientValue) ? BigInt(`0x${clientValue}`) : 0n
  if (A % N === 0n) return undefined

  const salt = number(randomBytes(16))
  const x = hash(bytes(salt), hashed(Buffer.from(`${poolName}${userId}:${password}`)))
  const verifier = power(g, x)
  const b = number(randomBytes(32))
  const B = (k * verifier + power(g, b)) % N
  const u = hash(bytes(A), bytes(B))
  const S = power(A * power(verifier, u), b)
  const key = Buffer.from(hkdfSync('sha256', bytes(S), bytes(u), 'Caldera Derived Key', 16))
  const secret = randomBytes(32)

  return {
    salt: salt.toString(16),
    publicValue: B.toString(16),
    secretBlock: secret.toString('base64'),
    verify: (timestamp, signature) => {
      const expected = createHmac('sha256', key).update(poolName).update(userId).update(secret).update(timestamp).digest()
      const given = Buffer.from(signature, 'base64')
      return given.length === expected.length && timingSafeEqual(given, expected)
    }
  }
}

/** `base ** exponent` modulo N. */
function power (base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base % N, rest = exponent; rest > 0n; rest >>= 1n, square = square * square % N) {
    if (rest & 1n) result = result * square % N
  }
  return result
}

function hash (...parts: Buffer[]): bigint {
  return number(hashed(...parts))
}

function hashed (...parts: Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

function number (buffer: Buffer): bigint {
  return BigInt(`0x${buffer.toString('hex')}`)
}

function bytes (value: bigint): Buffer {
  const hex = value.toString(16)
  const even = hex.padStart(hex.length + hex.length % 2, '0')
  return Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex')
}
