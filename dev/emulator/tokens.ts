import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, sign, verify, type KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { NotAuthorizedError } from 'cognito-local/lib/errors.js'
import type { AppClient } from 'cognito-local/lib/services/appClient.js'
import type { TokenGenerator, Tokens as IssuedTokens } from 'cognito-local/lib/services/tokenGenerator.js'
import type { User } from 'cognito-local/lib/services/userPoolService.js'

/** A sign-in and its refreshes. */
interface Session {
  originJti: string
  /** Seconds since the epoch. */
  authTime: number
}

export interface AuthenticationResult extends IssuedTokens {
  ExpiresIn: number
  TokenType: 'Bearer'
}

const lifetimeSeconds = 3600
const refreshLifetimeSeconds = 30 * 24 * 3600

const AccessClaimsSchema = Type.Object({
  token_use: Type.Literal('access'),
  iss: Type.String(),
  exp: Type.Number(),
  username: Type.String(),
  client_id: Type.String(),
  origin_jti: Type.String()
})

/** Issues tokens with the claims of Cognito's tokens, signed with a key of the emulator. */
export class Tokens implements TokenGenerator {
  readonly #issuer: string
  readonly #privateKey: KeyObject
  readonly #publicKey: KeyObject
  readonly #kid: string

  constructor (issuer: string, directory: string) {
    this.#issuer = issuer
    this.#privateKey = signingKey(join(directory, 'signing-key.pem'))
    this.#publicKey = createPublicKey(this.#privateKey)
    this.#kid = createHash('sha256').update(this.#publicKey.export({ type: 'spki', format: 'der' })).digest('base64')
  }

  /** The JWK set that verifies the tokens. */
  get keySet (): { keys: object[] } {
    return { keys: [{ ...this.#publicKey.export({ format: 'jwk' }), kid: this.#kid, alg: 'RS256', use: 'sig' }] }
  }

  /** The tokens of a new session. */
  async generate (_context: unknown, user: User, groups: readonly string[], client: AppClient): Promise<AuthenticationResult> {
    return this.#issue({ originJti: randomUUID(), authTime: seconds() }, user, groups, client)
  }

  /**
   * New tokens for a session, without a new refresh token.
   * @throws {NotAuthorizedError} when the refresh token has expired
   */
  refresh (refreshToken: string, user: User, groups: readonly string[], client: AppClient): Omit<AuthenticationResult, 'RefreshToken'> {
    const [originJti = '', authTime] = refreshToken.split('.')
    const session = { originJti, authTime: Number(authTime) }
    if (session.authTime + refreshLifetimeSeconds < seconds()) throw new NotAuthorizedError('Refresh Token has expired')
    const { RefreshToken, ...tokens } = this.#issue(session, user, groups, client)
    return tokens
  }

  /**
   * The user, the client and the session of an access token.
   * @throws {NotAuthorizedError} when it is invalid or has expired
   */
  readAccessToken (token: string): { username: string, clientId: string, originJti: string } {
    const [header = '', payload = '', signature = ''] = token.split('.')
    const verified = verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), this.#publicKey, Buffer.from(signature, 'base64url'))
    const claims: unknown = verified ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined
    if (!Value.Check(AccessClaimsSchema, claims) || claims.iss !== this.#issuer) throw new NotAuthorizedError('Invalid Access Token')
    if (claims.exp <= seconds()) throw new NotAuthorizedError('Access Token has expired')
    return { username: claims.username, clientId: claims.client_id, originJti: claims.origin_jti }
  }

  /**
   * The token of an app client that signed in with its secret. It has no user, and its `sub` is the
   * `client_id`.
   * https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints-oauth-grants.html
   */
  grantToClient (clientId: string, scopes: readonly string[]): { access_token: string, expires_in: number, token_type: 'Bearer' } {
    const now = seconds()
    const times = { auth_time: now, iat: now, exp: now + lifetimeSeconds }
    const claims = { sub: clientId, client_id: clientId, token_use: 'access', scope: scopes.join(' '), iss: this.#issuer, ...times, version: 2, jti: randomUUID() }
    return { access_token: this.#sign(claims), expires_in: lifetimeSeconds, token_type: 'Bearer' }
  }

  #issue ({ originJti, authTime }: Session, user: User, groups: readonly string[], client: AppClient): AuthenticationResult {
    const { sub, ...attributes } = Object.fromEntries(user.Attributes.map(({ Name, Value }) => [
      Name, Name.endsWith('_verified') ? Value === 'true' : Value
    ]))
    const claims = {
      sub,
      ...(groups.length > 0 && { 'cognito:groups': groups }),
      iss: this.#issuer,
      origin_jti: originJti,
      event_id: randomUUID(),
      auth_time: authTime,
      iat: seconds(),
      exp: seconds() + lifetimeSeconds
    }
    return {
      IdToken: this.#sign({
        email_verified: false,
        ...attributes,
        ...claims,
        'cognito:username': user.Username,
        aud: client.ClientId,
        token_use: 'id',
        jti: randomUUID()
      }),
      AccessToken: this.#sign({
        ...claims,
        username: user.Username,
        client_id: client.ClientId,
        scope: 'aws.cognito.signin.user.admin',
        token_use: 'access',
        jti: randomUUID()
      }),
      // Opaque to clients, as in Cognito. The pool stores it, so it needs no signature.
      RefreshToken: `${originJti}.${authTime}.${randomBytes(48).toString('base64url')}`,
      ExpiresIn: lifetimeSeconds,
      TokenType: 'Bearer'
    }
  }

  #sign (claims: object): string {
    const input = [{ kid: this.#kid, alg: 'RS256' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), this.#privateKey).toString('base64url')}`
  }
}

/** Whether a refresh token belongs to a session. */
export function isOfSession (refreshToken: string, originJti: string): boolean {
  return refreshToken.startsWith(`${originJti}.`)
}

// The key that cognito-local ships is not used, because its private half is public.
function signingKey (path: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(path))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    return privateKey
  }
}

function seconds (): number {
  return Math.floor(Date.now() / 1000)
}
