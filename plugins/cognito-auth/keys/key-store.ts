import type { Issuer } from '../issuers.ts'
import { KeySetKeeper, type KeySetEvent, type KeySetOptions, type KeySetStatistics } from './cached-key-set.ts'
import type { KeySetStorage } from './key-set-storage.ts'
import type { SigningKey } from './key-set.ts'

export interface KeyStoreOptions extends Omit<KeySetOptions, 'onEvent'> {
  issuers: Issuer[]
  onEvent?: (event: KeyStoreEvent) => void
}

export type KeyStoreEvent = KeySetEvent & { issuer: string }

/** The signing keys of every trusted issuer, kept so that no request, whatever its token says, decides how often they are fetched. */
export class KeyStore {
  readonly #keepers: Map<string, KeySetKeeper>

  constructor (options: KeyStoreOptions) {
    this.#keepers = new Map(options.issuers.map(issuer => [issuer.name, new KeySetKeeper(issuer, {
      ...options,
      onEvent: event => options.onEvent?.({ ...event, issuer: issuer.name })
    })]))
  }

  /** Call before `start`. */
  useStorage (storage: KeySetStorage): void {
    for (const keeper of this.#keepers.values()) keeper.storage = storage
  }

  /** Begins to fetch, and to fetch again, in the background. */
  start (): void {
    for (const keeper of this.#keepers.values()) keeper.start()
  }

  /**
   * The key of a trusted issuer; at once where it is in hand.
   * @throws {UnknownKeyError | KeysUnavailableError} as a rejection
   */
  find (issuer: string, kid: string): SigningKey | Promise<SigningKey> {
    const keeper = this.#keepers.get(issuer)
    if (keeper === undefined) throw new Error('find() takes a trusted issuer')
    return keeper.find(kid)
  }

  /** Whether every user pool has keys in hand. */
  get ready (): boolean {
    const pools = Map.groupBy(this.#keepers.values(), keeper => keeper.issuer.userPoolId)
    return Array.from(pools.values()).every(keepers => keepers.some(keeper => keeper.inHand))
  }

  /** By issuer, in the order of the options. */
  statistics (): KeySetStatistics[] {
    return Array.from(this.#keepers.values(), keeper => keeper.statistics())
  }

  async close (): Promise<void> {
    await Promise.all(Array.from(this.#keepers.values(), keeper => keeper.close()))
  }
}
