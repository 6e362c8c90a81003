import { createPublicKey, type KeyObject } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** A public key that may sign tokens. */
export interface SigningKey {
  readonly kid: string
  /** SubjectPublicKeyInfo in PEM. */
  readonly pem: string
  /** Until when tokens signed with it are accepted, in milliseconds of `performance.now()`; in the past once it is gone from its set. */
  trustedUntil: number
}

export const maxKidLength = 128
const minModulusLength = 2048

// cognito-local ships this key's private half to everyone: whoever trusts it trusts the world.
const developmentModulusPrefix = '2uLO7yh1_6Icfd89V3nNTc_q'

// RFC 7517 4: members that are absent are no restriction.
const SigningJwkSchema = Type.Object({
  kty: Type.Literal('RSA'),
  kid: Type.String({ minLength: 1, maxLength: maxKidLength }),
  use: Type.Optional(Type.Literal('sig')),
  alg: Type.Optional(Type.Literal('RS256')),
  key_ops: Type.Optional(Type.Array(Type.String(), { contains: Type.Literal('verify') })),
  n: Type.String(),
  e: Type.String()
})

const KeySetSchema = Type.Object({ keys: Type.Array(Type.Unknown(), { minItems: 1 }) })

/** Whether a text is a JWK set, whatever its keys are worth. */
export function isKeySet (text: string): boolean {
  try {
    return Value.Check(KeySetSchema, JSON.parse(text))
  } catch {
    return false
  }
}

/**
 * The signing keys in the text of a JWK set (RFC 7517), by `kid`; keys that cannot sign RS256 tokens safely are left out.
 * @throws {Error} where there is not one usable key: such an answer must not replace a set in hand
 */
export function parseKeySet (text: string, { allowDevelopmentKeys }: { allowDevelopmentKeys: boolean }): Map<string, SigningKey> {
  const set: unknown = JSON.parse(text)
  const keys = new Map<string, SigningKey>()
  for (const jwk of Value.Check(KeySetSchema, set) ? set.keys : []) {
    if (!Value.Check(SigningJwkSchema, jwk) || keys.has(jwk.kid)) continue
    const key = importKey(jwk)
    if (key === undefined || !isStrong(key)) continue
    if (!allowDevelopmentKeys && isDevelopmentKey(key)) continue
    keys.set(jwk.kid, { kid: jwk.kid, pem: key.export({ type: 'spki', format: 'pem' }).toString(), trustedUntil: 0 })
  }
  if (keys.size === 0) throw new Error('the key set holds no usable signing key')
  return keys
}

// By its one spelling: the modulus in a JWK can be written in others.
function isDevelopmentKey (key: KeyObject): boolean {
  return key.export({ format: 'jwk' }).n?.startsWith(developmentModulusPrefix) === true
}

function importKey ({ kty, n, e }: { kty: string, n: string, e: string }): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty, n, e }, format: 'jwk' })
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
