import { randomUUID } from 'node:crypto'
import { makeKey, sign, type UserPool } from '../../test/support/user-pool.ts'
import type { Disruptions } from './disruptions.ts'
import { pick } from './pick-random.ts'
import type { Token } from './traffic.ts'

const shortLifetimeSeconds = 3
const longLifetimeSeconds = 3600
/** The tokens stored for a user: those of the current session, and those of ended sessions. */
const maxTokens = 20
/** A token is not used around its expiry, because the clocks and the request take time. */
const expiryMarginMs = 1_000

const forger = makeKey()

/** A user of the user pool, with valid and expired tokens, and tokens of ended sessions. */
export class PoolUser {
  readonly username: string
  readonly email: string
  readonly subject = randomUUID()
  /** The id of the local user, or 0 before the first response. */
  id = 0
  /** Whether the user sends no more requests. */
  isDropped = false
  /** Whether the local user was removed. The articles then have no author. */
  removed = false
  readonly #pool: UserPool
  readonly #disruptions: Disruptions
  readonly #groups: string[]
  #tokens: Token[] = []
  #ended: Token[] = []
  #session = { auth_time: seconds(), origin_jti: randomUUID() }

  constructor (pool: UserPool, disruptions: Disruptions, username: string, groups: string[] = []) {
    this.#pool = pool
    this.#disruptions = disruptions
    this.#groups = groups
    this.username = username
    this.email = `${username}@example.com`
  }

  /** A valid token: four times in five one that was used before. */
  token (): Token {
    const token = this.#pick(this.#tokens, token => token.expiresAt > Date.now() + expiryMarginMs && !this.#isWithdrawn(token))
    if (token !== undefined && Math.random() < 0.8) return token
    return this.newToken(Math.random() < 0.5 ? 'id' : 'access', Math.random() < 0.1 ? shortLifetimeSeconds : longLifetimeSeconds)
  }

  newToken (use: 'id' | 'access' = 'id', lifetimeSeconds = longLifetimeSeconds, claims: Record<string, unknown> = {}): Token {
    const key = pick(this.#pool.keys)
    const exp = seconds() + lifetimeSeconds
    const common = { ...this.#session, sub: this.subject, exp, 'cognito:groups': this.#groups, ...claims }
    const text = use === 'id'
      ? this.#pool.idToken({ ...common, 'cognito:username': this.username, email: this.email, ...claims }, key)
      : this.#pool.accessToken({ ...common, username: this.username }, key)
    const token = { text, kid: key.kid, expiresAt: exp * 1000 }
    this.#tokens = this.#tokens.concat(token).slice(-maxTokens)
    return token
  }

  expiredToken (): Token | undefined {
    return this.#pick(this.#tokens, token => token.expiresAt < Date.now() - expiryMarginMs && !this.#isWithdrawn(token))
  }

  /** A token whose key the pool has removed. Every replica must reject it by now. */
  revokedToken (): Token | undefined {
    return this.#pick(this.#tokens, token => token.expiresAt > Date.now() + expiryMarginMs && this.#isRevoked(token))
  }

  /** A token whose key the pool has removed. A replica may not have noticed yet. */
  withdrawnToken (): Token | undefined {
    return this.#pick(this.#tokens, token => token.expiresAt > Date.now() + expiryMarginMs && this.#isWithdrawn(token))
  }

  /** A token of a session that was signed out. */
  signedOutToken (): Token | undefined {
    return this.#pick(this.#ended, token => token.expiresAt > Date.now() + expiryMarginMs && !this.#isWithdrawn(token))
  }

  /** Starts a new session after a sign-out. */
  startSession (): void {
    this.#ended = this.#ended.concat(this.#tokens).slice(-maxTokens)
    this.#tokens = []
    this.#session = { auth_time: seconds(), origin_jti: randomUUID() }
  }

  /** A forged token with a key id that every replica has, or undefined when there is no such key id. */
  forgedToken (): Token | undefined {
    const key = this.#pool.keys.find(({ kid }) => this.#disruptions.isAccepted(kid))
    return key && { text: this.#pool.idToken({ sub: this.subject }, { ...forger, kid: key.kid }), kid: undefined, expiresAt: Infinity }
  }

  /** A token whose key id was never published. */
  unknownKeyToken (): Token {
    const kid = randomUUID()
    return { text: sign(forger.privateKey, { alg: 'RS256', kid }, this.#pool.idClaims({ sub: this.subject })), kid, expiresAt: Infinity }
  }

  #isRevoked ({ kid = '' }: Token): boolean {
    return this.#disruptions.isRevoked(kid)
  }

  #isWithdrawn ({ kid }: Token): boolean {
    return !this.#pool.keys.some(key => key.kid === kid)
  }

  /** A random token that fits. */
  #pick (tokens: Token[], fits: (token: Token) => boolean): Token | undefined {
    const fitting = tokens.filter(fits)
    return fitting.length === 0 ? undefined : pick(fitting)
  }
}

function seconds (): number {
  return Math.floor(Date.now() / 1000)
}
