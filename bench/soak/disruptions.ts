/** An event around the service that excuses some of its responses. */
export type Disruption = 'key server out' | 'database restart' | `restart of ${string}`

/** The facts about a request that decide which responses are excused. */
export interface SentRequest {
  replica: string
  /** In milliseconds of `performance.now()`. */
  sentAt: number
  /** The key id of its token, or undefined when the service can decide without its keys. */
  kid?: string | undefined
  /** The expiry of its token, in milliseconds since the epoch. */
  expiresAt?: number | undefined
  /** Whether the response needs the database. */
  needsDatabase: boolean
  isReadiness: boolean
}

interface Span { from: number, to: number }

// A new key is accepted within 5 s. A failed fetch is repeated after a back-off of up to 8 s and has a
// timeout of 3 s. The rest is a margin for a busy machine.
const keyRefreshMs = 8_000
const outageRecoveryMs = 15_000
const databaseRecoveryMs = 5_000
const restartRecoveryMs = 1_000

/**
 * Records disruptions, and decides which responses they excuse. Times are milliseconds of
 * `performance.now()`.
 */
export class Disruptions {
  readonly #now: () => number
  readonly #keyMaxAgeMs: number
  readonly #spans = new Map<Disruption, Span[]>()
  readonly #published = new Map<string, number>()
  readonly #withdrawn = new Map<string, number>()

  /** @param keyMaxAgeSeconds the value of JWKS_MAX_AGE_S */
  constructor (keyMaxAgeSeconds: number, now: () => number = () => performance.now()) {
    this.#keyMaxAgeMs = keyMaxAgeSeconds * 1000
    this.#now = now
  }

  /** Records the begin of a disruption. The returned function records its end. */
  begin (disruption: Disruption): () => void {
    const span = { from: this.#now(), to: Infinity }
    this.#spans.set(disruption, (this.#spans.get(disruption) ?? []).concat(span))
    return () => { span.to = this.#now() }
  }

  publish (kid: string): void {
    this.#published.set(kid, this.#now())
  }

  withdraw (kid: string): void {
    this.#withdrawn.set(kid, this.#now())
  }

  /** Whether every replica must accept the key by now. */
  isAccepted (kid: string): boolean {
    return this.#seenAt(this.#published.get(kid), keyRefreshMs) <= this.#now() && !this.#withdrawn.has(kid)
  }

  /** Whether every replica must reject the key by now. */
  isRevoked (kid: string): boolean {
    return this.#seenAt(this.#withdrawn.get(kid), this.#keyMaxAgeMs + keyRefreshMs) <= this.#now()
  }

  /** The outcomes that a client must accept besides the expected ones. */
  excuses ({ replica, sentAt, kid, expiresAt = Infinity, needsDatabase, isReadiness }: SentRequest): Set<string> {
    const excused = new Set<string>()
    const keyServerOut = this.#affects('key server out', sentAt, outageRecoveryMs)
    const restart = this.#affects(`restart of ${replica}`, sentAt, restartRecoveryMs)
    const databaseOut = this.#affects('database restart', sentAt, databaseRecoveryMs)
    if (restart) excused.add('connection lost')
    if (needsDatabase && databaseOut) excused.add('503 storage_unavailable')
    if (expiresAt <= Date.now()) excused.add('401 expired_auth_token')
    if (kid !== undefined) {
      const unseen = sentAt < this.#seenAt(this.#published.get(kid), keyRefreshMs)
      const withdrawn = this.#withdrawn.has(kid)
      if (unseen || withdrawn) excused.add('401 invalid_auth_token')
      if ((unseen || withdrawn) && keyServerOut) excused.add('503 identity_provider_unavailable')
    }
    if (isReadiness && restart) excused.add('503 overloaded').add('503 identity_provider_unavailable')
    return excused
  }

  /**
   * The time by which the service has seen a change of the key set. It is Infinity during an outage of the
   * key server.
   */
  #seenAt (time: number | undefined, delayMs: number): number {
    let seen = (time ?? Infinity) + delayMs
    for (const { from, to } of this.#spans.get('key server out') ?? []) {
      if (time !== undefined && to >= time && from < seen) seen = Math.max(seen, to + delayMs + outageRecoveryMs)
    }
    return seen
  }

  /** Whether a disruption was active when the request was sent, or within the recovery time before. */
  #affects (disruption: Disruption, sentAt: number, recoveryMs: number): boolean {
    return this.#spans.get(disruption)?.some(({ to }) => to + recoveryMs >= sentAt) === true
  }
}
