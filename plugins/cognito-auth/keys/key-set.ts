import { createPublicKey, type KeyObject } from 'node:crypto'
import { verifierOf, type VerifySignature } from './verify-signature.ts'

/** A public key that may sign tokens. */
export interface SigningKey {
  readonly kid: string
  /** SubjectPublicKeyInfo in PEM. */
  readonly pem: string
  /** Checks the signature of a token and returns its payload. */
  readonly verify: VerifySignature
  /**
   * Until when its tokens are accepted, in milliseconds of `performance.now()`; 0 once the key is gone from
   * its set.
   */
  trustedUntil: number
}

export const maxKidLength = 128
const minModulusLength = 2048

// cognito-local ships the private half of this key to everyone: a service that trusts the key trusts the
// world.
const developmentModulusPrefix = '2uLO7yh1_6Icfd89V3nNTc_q'

/** Whether a text is a JWK set with at least one member, usable or not. */
export function isKeySet (text: string): boolean {
  try {
    return listJwks(text).length > 0
  } catch {
    return false
  }
}

/**
 * Reads the signing keys of a JWK set (RFC 7517) by `kid`. Keys that cannot sign RS256 tokens safely are left
 * out.
 * @throws {Error} without one usable key: such a response must not replace the keys in hand
 */
export function parseKeySet (text: string, { allowDevelopmentKeys }: { allowDevelopmentKeys: boolean }): Map<string, SigningKey> {
  const keys = new Map<string, SigningKey>()
  for (const jwk of listJwks(text)) {
    if (!isSigningJwk(jwk) || keys.has(jwk.kid)) continue
    const key = importKey(jwk)
    if (key === undefined || !isStrong(key)) continue
    if (!allowDevelopmentKeys && isDevelopmentKey(key)) continue
    const pem = key.export({ type: 'spki', format: 'pem' }).toString()
    keys.set(jwk.kid, { kid: jwk.kid, pem, verify: verifierOf(pem), trustedUntil: 0 })
  }
  if (keys.size === 0) throw new Error('the key set holds no usable signing key')
  return keys
}

interface SigningJwk { kid: string, n: string, e: string }

function listJwks (text: string): unknown[] {
  const set: unknown = JSON.parse(text)
  return isObject(set) && Array.isArray(set.keys) ? set.keys : []
}

// RFC 7517 4: an absent `use`, `key_ops` or `alg` is no restriction.
function isSigningJwk (jwk: unknown): jwk is SigningJwk {
  if (!isObject(jwk)) return false
  const { kty, kid, use = 'sig', alg = 'RS256', key_ops: operations = ['verify'], n, e } = jwk
  return kty === 'RSA' && use === 'sig' && alg === 'RS256' &&
    Array.isArray(operations) && operations.includes('verify') && operations.every(operation => typeof operation === 'string') &&
    typeof kid === 'string' && kid !== '' && kid.length <= maxKidLength && typeof n === 'string' && typeof e === 'string'
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// The imported key has one spelling of the modulus; a JWK can be written in others.
function isDevelopmentKey (key: KeyObject): boolean {
  return key.export({ format: 'jwk' }).n?.startsWith(developmentModulusPrefix) === true
}

function importKey ({ n, e }: SigningJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
  } catch {
    // A broken key does not spoil the others of its set.
    return undefined
  }
}

// RFC 7518 3.3: "A key of size 2048 bits or larger MUST be used".
function isStrong (key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  return modulusLength >= minModulusLength && publicExponent >= 3n && publicExponent % 2n === 1n
}
