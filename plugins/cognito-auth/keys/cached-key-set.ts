import { keysUnavailable, refusal, type CognitoAuthError } from '../errors.ts'
import type { Issuer } from '../issuers.ts'
import { KeySetRefusedError, type FetchKeySet } from './fetch-key-set.ts'
import { findInTime, type KeySetStorage } from './key-set-storage.ts'
import { parseKeySet, type SigningKey } from './key-set.ts'

export interface KeySetOptions {
  fetch: FetchKeySet
  /** How long keys are used before they are fetched again. */
  cacheTtlSeconds: number
  /** Keeps the last good set for the next start. */
  storage?: KeySetStorage | undefined
  allowDevelopmentKeys: boolean
  onEvent: (event: KeySetEvent) => void
}

export type KeySetEvent =
  | { type: 'fetched', kids: string[] }
  | { type: 'fetch-failed', optional: boolean, keysInHand: boolean, error: unknown }
  | { type: 'restored', kids: string[], fetchedAt: number }
  | { type: 'storage-failed', error: unknown }

/** The state of an issuer's keys. */
export interface KeySetStatistics {
  userPoolId: string
  issuer: string
  /** Whether there are keys that tokens are accepted with. */
  inHand: boolean
  /** Seconds since the keys were fetched; undefined before the first fetch. */
  ageSeconds: number | undefined
  /** The fetches by outcome. `refused`: the key server answered that there is no such set. */
  fetches: Record<FetchOutcome, number>
}

export type FetchOutcome = 'success' | 'failure' | 'refused'

// All times are milliseconds of performance.now(), a clock that cannot be set.
const firstBackOffMs = 1_000
const maxBackOffMs = 8_000
/** How long keys in hand are used while the key server fails. */
const maxOutageMs = 24 * 3_600_000
/**
 * Unknown key ids cause one fetch in this time. A new key is accepted within this time of being published.
 */
const unknownKeyIntervalMs = 4_000
const maxMissingKids = 1_000

/**
 * The key set of one issuer: cached, refreshed in the background, and fetched no more often than the policy
 * above.
 */
export class CachedKeySet {
  readonly issuer: Issuer
  readonly #options: KeySetOptions
  readonly #closing = new AbortController()
  #keys: Map<string, SigningKey> | undefined
  #fetchedAt = 0
  #failures = 0
  #retryAt = 0
  #lastError: unknown
  #fetching: Promise<void> | undefined
  #saving = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity
  readonly #missing = new Set<string>()
  readonly #fetches: Record<FetchOutcome, number> = { success: 0, failure: 0, refused: 0 }

  constructor (issuer: Issuer, options: KeySetOptions) {
    this.issuer = issuer
    this.#options = options
  }

  get inHand (): boolean {
    return this.#keys !== undefined && performance.now() < this.#fetchedAt + maxOutageMs
  }

  statistics (): KeySetStatistics {
    const { userPoolId, name: issuer } = this.issuer
    const ageSeconds = this.#keys === undefined ? undefined : (performance.now() - this.#fetchedAt) / 1000
    return { userPoolId, issuer, inHand: this.inHand, ageSeconds, fetches: { ...this.#fetches } }
  }

  start (): void {
    this.#refreshAt(performance.now())
  }

  /**
   * Finds a key: at once if it is in hand, else after at most one fetch.
   * @throws {CognitoAuthError} `unknown_key`: the set was fetched and has no such key; or `keys_unavailable`
   */
  find (kid: string): SigningKey | Promise<SigningKey> {
    return this.#get(kid) ?? this.#findAbsent(kid)
  }

  async close (): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await this.#fetching
    await this.#saving
  }

  #get (kid: string): SigningKey | undefined {
    return this.inHand ? this.#keys?.get(kid) : undefined
  }

  async #findAbsent (kid: string): Promise<SigningKey> {
    const now = performance.now()
    if (this.#fetching === undefined) {
      if (now < this.#retryAt) throw this.#unavailable()
      if (this.inHand && now < this.#fetchedAt + unknownKeyIntervalMs) {
        // The fetch happens at the end of the interval, on its own: a flood of made-up ids cannot keep a new
        // key out.
        const soon = this.#fetchedAt + unknownKeyIntervalMs
        if (!this.#missing.has(kid) && soon < this.#timerAt) this.#refreshAt(soon)
        throw unknownKey()
      }
    }
    const refreshed = await this.#refresh()
    const key = this.#get(kid)
    if (key !== undefined) return key
    if (!refreshed) throw this.#unavailable()
    if (this.#missing.size < maxMissingKids) this.#missing.add(kid)
    throw unknownKey()
  }

  #unavailable (): CognitoAuthError {
    // Most pools have only one of their issuers, and a token can name the others.
    if (this.issuer.optional && this.#lastError instanceof KeySetRefusedError) return unknownKey()
    return keysUnavailable(Math.max(1, Math.ceil((this.#retryAt - performance.now()) / 1000)), this.#lastError)
  }

  /** Fetches the set, once for all concurrent callers. Returns false if the fetch failed. */
  async #refresh (): Promise<boolean> {
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined })
    await this.#fetching
    return this.#failures === 0
  }

  async #fetch (): Promise<void> {
    const { fetch, cacheTtlSeconds, onEvent } = this.#options
    try {
      const jwks = this.issuer.jwks ?? await fetch(this.issuer.jwksUri, this.#closing.signal)
      const keys = parseKeySet(jwks, this.#options)
      this.#adopt(keys, performance.now())
      this.#fetches.success++
      this.#failures = 0
      this.#retryAt = 0
      this.#missing.clear()
      this.#refreshAt(this.#fetchedAt + cacheTtlSeconds * 1000)
      onEvent({ type: 'fetched', kids: [...keys.keys()] })
      // In sequence, so that an older set never overwrites a newer one.
      this.#saving = this.#saving.then(() => this.#save(jwks))
    } catch (error) {
      this.#failures++
      if (this.#closing.signal.aborted) return
      this.#fetches[error instanceof KeySetRefusedError ? 'refused' : 'failure']++
      this.#lastError = error
      if (this.#keys === undefined) await this.#restore()
      this.#retryAt = performance.now() + backOff(this.#failures)
      this.#refreshAt(this.issuer.optional ? this.#retryAt + cacheTtlSeconds * 1000 : this.#retryAt)
      onEvent({ type: 'fetch-failed', optional: this.issuer.optional, keysInHand: this.inHand, error })
    }
  }

  /**
   * A key that stays is the same object, so that cached tokens stay valid. A key that is gone is trusted no
   * more.
   */
  #adopt (keys: Map<string, SigningKey>, fetchedAt: number): void {
    for (const [kid, held] of this.#keys ?? []) {
      if (keys.get(kid)?.pem === held.pem) keys.set(kid, held)
      else held.trustedUntil = 0
    }
    for (const key of keys.values()) key.trustedUntil = fetchedAt + maxOutageMs
    this.#keys = keys
    this.#fetchedAt = fetchedAt
  }

  async #save (jwks: string): Promise<void> {
    try {
      await this.#options.storage?.save(this.issuer.name, { jwks, fetchedAt: Date.now() })
    } catch (error) {
      this.#options.onEvent({ type: 'storage-failed', error })
    }
  }

  async #restore (): Promise<void> {
    try {
      const stored = await findInTime(this.#options.storage, this.issuer.name, this.#closing.signal)
      if (stored === undefined) return
      const keys = parseKeySet(stored.jwks, this.#options)
      this.#adopt(keys, performance.now() - Math.max(0, Date.now() - stored.fetchedAt))
      this.#options.onEvent({ type: 'restored', kids: [...keys.keys()], fetchedAt: stored.fetchedAt })
    } catch (error) {
      this.#options.onEvent({ type: 'storage-failed', error })
    }
  }

  #refreshAt (at: number): void {
    if (this.#closing.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => this.#refresh(), Math.max(1, at - performance.now())).unref()
  }
}

// With jitter, so that processes that failed together do not retry together.
function backOff (failures: number): number {
  return Math.min(firstBackOffMs * 2 ** (failures - 1), maxBackOffMs) * (0.5 + Math.random() / 2)
}

function unknownKey (): CognitoAuthError {
  return refusal('unknown_key', 'The user pool has no such signing key')
}
