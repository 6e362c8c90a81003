import { createSign, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { setTimeout } from 'node:timers/promises'

export interface TestKey { kid: string, privateKey: KeyObject, publicKey: KeyObject }

/** A signing key of a user pool. Its creation takes 0.1 s. */
export function makeKey (kid: string = randomUUID(), modulusLength = 2048): TestKey {
  return { kid, ...generateKeyPairSync('rsa', { modulusLength }) }
}

/** The public half of a key as a key server publishes it. */
export function publicJwk ({ kid, publicKey }: TestKey): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
}

/** Signs a compact JWS with any header and payload. A string is used as it is, even if it is no JSON. */
export function sign (key: KeyObject, header: unknown, payload: unknown, algorithm = 'RSA-SHA256'): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createSign(algorithm).update(input).sign(key).toString('base64url')}`
}

export function encode (part: unknown): string {
  return Buffer.from(Buffer.isBuffer(part) || typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

/** Waits until a condition holds, and checks it every 20 ms. */
export async function until (condition: () => unknown, seconds = 10): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`this did not come true within ${seconds} s: ${condition}`)
    await setTimeout(20)
  }
}

/**
 * A user pool for tests: a key that signs its tokens, and a key server that can rotate keys, fail, hang and
 * send wrong keys. It records its fetches, and stops with `close`.
 */
export class UserPool {
  readonly id: string
  readonly clientId: string
  keys: TestKey[]
  /** The handler of the key server. Replace it to make the key server fail, hang or send wrong keys. */
  answer: RequestListener
  /** The time of each fetch of the keys, in milliseconds of `performance.now()`. */
  readonly fetches: number[] = []
  readonly #server: Server

  private constructor (server: Server, id: string, clientId: string) {
    this.#server = server
    this.id = id
    this.clientId = clientId
    this.keys = [makeKey()]
    this.answer = this.publish
  }

  static async start ({ id = 'eu-west-1_Test00001', clientId = 'client1' } = {}): Promise<UserPool> {
    const server = createServer((request, response) => {
      pool.fetches.push(performance.now())
      pool.answer(request, response)
    })
    const pool = new UserPool(server, id, clientId)
    await pool.#listen(0)
    return pool
  }

  /** The value for AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER. */
  endpoint = ''

  get issuer (): string {
    return `${this.endpoint}/${this.id}`
  }

  get key (): TestKey {
    const [key] = this.keys
    if (key === undefined) throw new Error('the pool has no key')
    return key
  }

  /** Responds with the current keys of the pool. */
  readonly publish: RequestListener = (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: this.keys.map(publicJwk) }))
  }

  /** The key server refuses connections until `up`. */
  async down (): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async up (): Promise<void> {
    await this.#listen(Number(new URL(this.endpoint).port))
  }

  async close (): Promise<void> {
    if (this.#server.listening) await this.down()
  }

  header (changes: Record<string, unknown> = {}): Record<string, unknown> {
    return { alg: 'RS256', kid: this.key.kid, ...changes }
  }

  /** The claims of an id token of Cognito. The value `undefined` removes a claim. */
  idClaims (changes: Record<string, unknown> = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000)
    return {
      sub: 'c4a5d0d2-0001-4000-8000-000000000001',
      iss: this.issuer,
      aud: this.clientId,
      token_use: 'id',
      'cognito:username': 'alice',
      email: 'alice@example.com',
      email_verified: true,
      auth_time: now,
      iat: now,
      exp: now + 3600,
      jti: randomUUID(),
      origin_jti: randomUUID(),
      ...changes
    }
  }

  /** The claims of an access token. */
  accessClaims (changes: Record<string, unknown> = {}): Record<string, unknown> {
    const { aud, email, email_verified: verified, 'cognito:username': username, ...claims } = this.idClaims()
    return { ...claims, client_id: aud, username, token_use: 'access', scope: 'aws.cognito.signin.user.admin', ...changes }
  }

  idToken (changes: Record<string, unknown> = {}, key = this.key): string {
    return sign(key.privateKey, this.header({ kid: key.kid }), this.idClaims(changes))
  }

  accessToken (changes: Record<string, unknown> = {}, key = this.key): string {
    return sign(key.privateKey, this.header({ kid: key.kid }), this.accessClaims(changes))
  }

  async #listen (port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => resolve())
    })
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the key server has no port')
    this.endpoint = `http://127.0.0.1:${address.port}`
  }
}
