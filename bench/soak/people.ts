import { randomUUID } from 'node:crypto'
import { makeKey, sign, type UserPool } from '../../test/support/user-pool.ts'
import type { Circumstances } from './circumstances.ts'
import { pick } from './pick.ts'
import type { Token } from './traffic.ts'

/** How long a token is good that is to be seen expiring, and others, in seconds. */
const shortLife = 3
const longLife = 3600
/** How many tokens somebody holds at once, of sessions of one's own or of ones that are over. */
const mostTokens = 20
/** Milliseconds either side of the expiry of a token in which nobody shows it. */
const expiryMargin = 1_000

const forger = makeKey()

/** Somebody in the user pool, with tokens that are good, that have expired, and of sessions that were signed out. */
export class Person {
  readonly username: string
  readonly email: string
  readonly subject = randomUUID()
  /** The id of the local user; 0 before it is known. */
  id = 0
  /** Whether this person sends no more requests. */
  parted = false
  /** Whether the local user was removed, whose articles then have no author. */
  removed = false
  readonly #pool: UserPool
  readonly #circumstances: Circumstances
  readonly #groups: string[]
  #tokens: Token[] = []
  #over: Token[] = []
  #session = { auth_time: seconds(), origin_jti: randomUUID() }

  constructor (pool: UserPool, circumstances: Circumstances, username: string, groups: string[] = []) {
    this.#pool = pool
    this.#circumstances = circumstances
    this.#groups = groups
    this.username = username
    this.email = `${username}@example.com`
  }

  /** A good token: mostly one that was shown before, often a new one. */
  token (): Token {
    const token = this.#held(this.#tokens, token => token.expiresAt > Date.now() + expiryMargin && !this.#isWithdrawn(token))
    if (token !== undefined && Math.random() < 0.8) return token
    return this.newToken(Math.random() < 0.5 ? 'id' : 'access', Math.random() < 0.1 ? shortLife : longLife)
  }

  newToken (use: 'id' | 'access' = 'id', life = longLife, claims: Record<string, unknown> = {}): Token {
    const key = pick(this.#pool.keys)
    const exp = seconds() + life
    const common = { ...this.#session, sub: this.subject, exp, 'cognito:groups': this.#groups, ...claims }
    const text = use === 'id'
      ? this.#pool.idToken({ ...common, 'cognito:username': this.username, email: this.email, ...claims }, key)
      : this.#pool.accessToken({ ...common, username: this.username }, key)
    const token = { text, kid: key.kid, expiresAt: exp * 1000 }
    this.#tokens = this.#tokens.concat(token).slice(-mostTokens)
    return token
  }

  expiredToken (): Token | undefined {
    return this.#held(this.#tokens, token => token.expiresAt < Date.now() - expiryMargin && !this.#isWithdrawn(token))
  }

  /** A token whose key the pool has withdrawn, and which every replica has to refuse. */
  goneToken (): Token | undefined {
    return this.#held(this.#tokens, token => token.expiresAt > Date.now() + expiryMargin && this.#isGone(token))
  }

  /** A token whose key the pool has withdrawn, which a replica may not know yet. */
  withdrawnToken (): Token | undefined {
    return this.#held(this.#tokens, token => token.expiresAt > Date.now() + expiryMargin && this.#isWithdrawn(token))
  }

  /** A token of a session that was signed out. */
  signedOutToken (): Token | undefined {
    return this.#held(this.#over, token => token.expiresAt > Date.now() + expiryMargin && !this.#isWithdrawn(token))
  }

  /** Begins a new session; to be called once the old one has been signed out. */
  signInAgain (): void {
    this.#over = this.#over.concat(this.#tokens).slice(-mostTokens)
    this.#tokens = []
    this.#session = { auth_time: seconds(), origin_jti: randomUUID() }
  }

  /** A token that says it is signed with a key that every replica knows, and is not; undefined where no key is known to all. */
  forgedToken (): Token | undefined {
    const key = this.#pool.keys.find(({ kid }) => this.#circumstances.isKnown(kid))
    return key && { text: this.#pool.idToken({ sub: this.subject }, { ...forger, kid: key.kid }), kid: undefined, expiresAt: Infinity }
  }

  /** A token that says it is signed with a key that nobody has published. */
  strayToken (): Token {
    const kid = randomUUID()
    return { text: sign(forger.privateKey, { alg: 'RS256', kid }, this.#pool.idClaims({ sub: this.subject })), kid, expiresAt: Infinity }
  }

  #isGone ({ kid = '' }: Token): boolean {
    return this.#circumstances.isGone(kid)
  }

  #isWithdrawn ({ kid }: Token): boolean {
    return !this.#pool.keys.some(key => key.kid === kid)
  }

  /** One of those that fit. */
  #held (tokens: Token[], fits: (token: Token) => boolean): Token | undefined {
    const fitting = tokens.filter(fits)
    return fitting.length === 0 ? undefined : pick(fitting)
  }
}

function seconds (): number {
  return Math.floor(Date.now() / 1000)
}
