import type { Issuer } from '../issuers.ts'
import { CachedKeySet, type KeySetEvent, type KeySetOptions, type KeySetStatistics } from './cached-key-set.ts'
import type { SigningKey } from './key-set.ts'

export interface KeyStoreOptions extends Omit<KeySetOptions, 'onEvent'> {
  issuers: Issuer[]
  onEvent?: (event: KeyStoreEvent) => void
}

export type KeyStoreEvent = KeySetEvent & { issuer: string }

/** The signing keys of all trusted issuers. No token decides how often keys are fetched. */
export class KeyStore {
  readonly #sets: Map<string, CachedKeySet>

  constructor (options: KeyStoreOptions) {
    this.#sets = new Map(options.issuers.map(issuer => [issuer.name, new CachedKeySet(issuer, {
      ...options,
      onEvent: event => options.onEvent?.({ ...event, issuer: issuer.name })
    })]))
  }

  /** Starts fetching in the background. */
  start (): void {
    for (const set of this.#sets.values()) set.start()
  }

  /**
   * Finds the key of a trusted issuer: at once if it is in hand.
   * @throws {CognitoAuthError} as a rejection: `unknown_key` or `keys_unavailable`
   */
  find (issuer: string, kid: string): SigningKey | Promise<SigningKey> {
    const set = this.#sets.get(issuer)
    if (set === undefined) throw new Error('find() takes a trusted issuer')
    return set.find(kid)
  }

  /** Whether every user pool has keys in hand. */
  get ready (): boolean {
    const pools = Map.groupBy(this.#sets.values(), set => set.issuer.userPoolId)
    return Array.from(pools.values()).every(sets => sets.some(set => set.inHand))
  }

  /** By issuer, in the order of the options. */
  statistics (): KeySetStatistics[] {
    return Array.from(this.#sets.values(), set => set.statistics())
  }

  async close (): Promise<void> {
    await Promise.all(Array.from(this.#sets.values(), set => set.close()))
  }
}
