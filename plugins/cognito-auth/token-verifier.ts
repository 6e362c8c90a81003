import { checkClaims, checkMembership } from './claims.ts'
import { isCognitoAuthError, refusal } from './errors.ts'
import type { KeyStore } from './keys/key-store.ts'
import type { SigningKey } from './keys/key-set.ts'
import type { Settings, TrustedIssuer } from './settings.ts'
import { TokenCache } from './token-cache.ts'
import { readToken, type UnverifiedToken } from './token.ts'
import { VerificationQueue } from './verification-queue.ts'
import { verifiedUser, type VerifiedUser } from './verified-user.ts'

/** Counters since the start, and the state of the moment. */
export interface TokenStatistics {
  /** Tokens that a guard found in the cache. */
  hits: number
  /** Tokens that a guard did not find there. */
  misses: number
  /** Tokens in the cache. */
  size: number
  queue: {
    /** Verifications that wait for their turn. */
    waiting: number
    /** How long the first of them has waited, in milliseconds. */
    waitMs: number
  }
}

/** Verifies tokens and caches their users. */
export class TokenVerifier {
  readonly #settings: Settings
  readonly #keyStore: KeyStore
  readonly #cache: TokenCache
  readonly #queue = new VerificationQueue()

  constructor (settings: Settings, keyStore: KeyStore) {
    this.#settings = settings
    this.#keyStore = keyStore
    this.#cache = new TokenCache(settings.tokenCacheSize)
  }

  get statistics (): Pick<TokenStatistics, 'size' | 'queue'> {
    return { size: this.#cache.size, queue: this.#queue.statistics }
  }

  /** The user of a token that verified before and still holds. */
  findCached (token: string): VerifiedUser | undefined {
    return this.#cache.get(token)
  }

  /**
   * Verifies a token that is not in the cache.
   * @throws {CognitoAuthError} as a rejection
   */
  async verify (token: string): Promise<VerifiedUser> {
    const unverified = readToken(token, this.#settings.maxTokenBytes)
    const issuer = this.#settings.issuers.get(unverified.issuer)
    if (issuer === undefined) throw refusal('issuer', 'The token is from another issuer')
    const key = await this.#keyStore.find(issuer.name, unverified.kid)
    return this.#queue.run(() => {
      // The token may have verified for another request meanwhile.
      return this.#cache.get(token) ?? this.#judge(token, unverified, key, issuer)
    })
  }

  #judge (token: string, { header }: UnverifiedToken, key: SigningKey, issuer: TrustedIssuer): VerifiedUser | Promise<VerifiedUser> {
    const { rules, customCheck } = issuer
    const user = verifiedUser(checkClaims(key.verify(token), rules, Date.now()), issuer)
    checkMembership(user.groups, user.scopes, rules)
    if (customCheck === undefined) return this.#keep(token, user, key)
    return checkCustom(() => customCheck({ header, payload: user.claims })).then(() => this.#keep(token, user, key))
  }

  #keep (token: string, user: VerifiedUser, key: SigningKey): VerifiedUser {
    this.#cache.set(token, user, key)
    return user
  }
}

async function checkCustom (check: () => void | Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    if (isCognitoAuthError(error)) throw error
    throw refusal('custom_check', 'The token does not pass the custom check', error)
  }
}
