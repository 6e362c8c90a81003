import { KeySetRefusedError } from './fetch-key-set.ts'
import type { Issuer } from '../issuers.ts'
import { KeysUnavailableError, UnknownKeyError } from './key-errors.ts'
import { findInTime, type KeySetStorage } from './key-set-storage.ts'
import { parseKeySet, type SigningKey } from './key-set.ts'

/** Fetches the text of the JWK set at an address. */
export type FetchKeySet = (uri: string, signal: AbortSignal) => Promise<string>

export interface KeySetOptions {
  fetch: FetchKeySet
  /** How long keys are used before they are fetched again, in seconds. */
  maxAge: number
  allowDevelopmentKeys: boolean
  onEvent: (event: KeySetEvent) => void
}

export type KeySetEvent =
  | { type: 'fetched', kids: string[] }
  | { type: 'fetch-failed', optional: boolean, keysInHand: boolean, error: unknown }
  | { type: 'restored', kids: string[], fetchedAt: number }
  | { type: 'storage-failed', error: unknown }

/** How it stands with the keys of an issuer. */
export interface KeySetStatistics {
  userPoolId: string
  issuer: string
  /** Whether there are keys that tokens are accepted with. */
  inHand: boolean
  /** Seconds since the keys were fetched; undefined before there are any. */
  age: number | undefined
  /** How often they were fetched, could not be fetched, and were said by the key server not to exist. */
  fetches: Record<FetchOutcome, number>
}

export type FetchOutcome = 'success' | 'failure' | 'refused'

// Times in milliseconds, on the clock of performance.now(), which nobody can set.
const firstBackOff = 1_000
const longestBackOff = 8_000
const longestOutage = 24 * 3_600_000
// How often ids that nobody knows may cause a fetch. A new key is accepted within this time of being published.
const unknownKeyInterval = 4_000
const mostMissing = 1_000

/** The key set of one issuer, kept as long as it may be, and fetched again no more often than it has to be. */
export class KeySetKeeper {
  readonly issuer: Issuer
  storage: KeySetStorage | undefined
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
    return this.#keys !== undefined && performance.now() < this.#fetchedAt + longestOutage
  }

  statistics (): KeySetStatistics {
    const { userPoolId, name: issuer } = this.issuer
    const age = this.#keys === undefined ? undefined : (performance.now() - this.#fetchedAt) / 1000
    return { userPoolId, issuer, inHand: this.inHand, age, fetches: { ...this.#fetches } }
  }

  start (): void {
    this.#refreshAt(performance.now())
  }

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
      if (now < this.#retryAt) throw this.#unavailable(kid)
      if (this.inHand && now < this.#fetchedAt + unknownKeyInterval) {
        // Not now, but soon and on its own: a flood of made-up ids then cannot keep a new key out.
        const soon = this.#fetchedAt + unknownKeyInterval
        if (!this.#missing.has(kid) && soon < this.#timerAt) this.#refreshAt(soon)
        throw new UnknownKeyError(kid)
      }
    }
    const refreshed = await this.#refresh()
    const key = this.#get(kid)
    if (key !== undefined) return key
    if (!refreshed) throw this.#unavailable(kid)
    if (this.#missing.size < mostMissing) this.#missing.add(kid)
    throw new UnknownKeyError(kid)
  }

  #unavailable (kid: string): Error {
    // Most pools have but one of their two issuers, and anyone can name the other.
    if (this.issuer.optional && this.#lastError instanceof KeySetRefusedError) return new UnknownKeyError(kid)
    return new KeysUnavailableError(Math.max(1, Math.ceil((this.#retryAt - performance.now()) / 1000)), this.#lastError)
  }

  /** One fetch for all who ask meanwhile; false where it failed. */
  async #refresh (): Promise<boolean> {
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined })
    await this.#fetching
    return this.#failures === 0
  }

  async #fetch (): Promise<void> {
    const { fetch, maxAge, onEvent } = this.#options
    try {
      const jwks = await fetch(this.issuer.jwksUri, this.#closing.signal)
      const keys = parseKeySet(jwks, this.#options)
      this.#adopt(keys, performance.now())
      this.#fetches.success++
      this.#failures = 0
      this.#retryAt = 0
      this.#missing.clear()
      this.#refreshAt(this.#fetchedAt + maxAge * 1000)
      onEvent({ type: 'fetched', kids: [...keys.keys()] })
      // One after the other: an older set must not come to lie over a newer one.
      this.#saving = this.#saving.then(() => this.#save(jwks))
    } catch (error) {
      this.#failures++
      if (this.#closing.signal.aborted) return
      this.#fetches[error instanceof KeySetRefusedError ? 'refused' : 'failure']++
      this.#lastError = error
      if (this.#keys === undefined) await this.#restore()
      this.#retryAt = performance.now() + backOff(this.#failures)
      this.#refreshAt(this.issuer.optional ? this.#retryAt + maxAge * 1000 : this.#retryAt)
      onEvent({ type: 'fetch-failed', optional: this.issuer.optional, keysInHand: this.inHand, error })
    }
  }

  /** Keys that stay keep their identity, so that remembered tokens stay good; keys that went are trusted no more. */
  #adopt (keys: Map<string, SigningKey>, fetchedAt: number): void {
    for (const [kid, held] of this.#keys ?? []) {
      if (keys.get(kid)?.pem === held.pem) keys.set(kid, held)
      else held.trustedUntil = 0
    }
    for (const key of keys.values()) key.trustedUntil = fetchedAt + longestOutage
    this.#keys = keys
    this.#fetchedAt = fetchedAt
  }

  async #save (jwks: string): Promise<void> {
    try {
      await this.storage?.save(this.issuer.name, { jwks, fetchedAt: Date.now() })
    } catch (error) {
      this.#options.onEvent({ type: 'storage-failed', error })
    }
  }

  async #restore (): Promise<void> {
    try {
      const stored = await findInTime(this.storage, this.issuer.name, this.#closing.signal)
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

// Each delay is drawn from its upper half, so that replicas that failed together do not come back together.
function backOff (failures: number): number {
  return Math.min(firstBackOff * 2 ** (failures - 1), longestBackOff) * (0.5 + Math.random() / 2)
}
