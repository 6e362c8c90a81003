/** What goes on around the service, and is no fault of its own. */
export type Happening = 'key server out' | 'database restart' | `restart of ${string}`

/** What is known of a request, to judge its answer by. */
export interface Asked {
  replica: string
  /** When it was sent, in milliseconds of `performance.now()`. */
  since: number
  /** The key that its token says it is signed with; undefined where the service needs no look at its keys to judge it. */
  kid?: string | undefined
  /** When its token expires, in milliseconds since the epoch. */
  expiresAt?: number | undefined
  /** Whether the database is asked for the answer. */
  storage: boolean
  /** Whether it asks if the service is ready. */
  readiness: boolean
}

interface Span { from: number, to: number }

// Milliseconds. A new key is accepted within 5 s, and keys are fetched again within a back-off of 8 s and a time-out of 3 s;
// the rest is room for a busy machine.
const keySeen = 8_000
const outageOver = 15_000
const databaseBack = 5_000
const restartOver = 1_000

/** A diary of what went on, and which answers it excuses. Times in milliseconds of `performance.now()`. */
export class Circumstances {
  readonly #now: () => number
  readonly #keyMaxAge: number
  readonly #spans = new Map<Happening, Span[]>()
  readonly #published = new Map<string, number>()
  readonly #withdrawn = new Map<string, number>()

  /** @param keyMaxAge the service's JWKS_MAX_AGE_S, in seconds */
  constructor (keyMaxAge: number, now: () => number = () => performance.now()) {
    this.#keyMaxAge = keyMaxAge * 1000
    this.#now = now
  }

  /** Notes that something begins; what is returned notes its end. */
  begin (what: Happening): () => void {
    const span = { from: this.#now(), to: Infinity }
    this.#spans.set(what, (this.#spans.get(what) ?? []).concat(span))
    return () => { span.to = this.#now() }
  }

  publish (kid: string): void {
    this.#published.set(kid, this.#now())
  }

  withdraw (kid: string): void {
    this.#withdrawn.set(kid, this.#now())
  }

  /** Whether every replica has to know the key by now. */
  isKnown (kid: string): boolean {
    return this.#seenAt(this.#published.get(kid), keySeen) <= this.#now() && !this.#withdrawn.has(kid)
  }

  /** Whether every replica has to refuse the key by now. */
  isGone (kid: string): boolean {
    return this.#seenAt(this.#withdrawn.get(kid), this.#keyMaxAge + keySeen) <= this.#now()
  }

  /** The answers, besides the one that is due, that a client has to put up with. */
  excuses ({ replica, since, kid, expiresAt = Infinity, storage, readiness }: Asked): Set<string> {
    const excused = new Set<string>()
    const keyServerOut = this.#lately('key server out', since, outageOver)
    const restart = this.#lately(`restart of ${replica}`, since, restartOver)
    const databaseOut = this.#lately('database restart', since, databaseBack)
    if (restart) excused.add('connection lost')
    if (storage && databaseOut) excused.add('503 storage_unavailable')
    if (expiresAt <= Date.now()) excused.add('401 expired_auth_token')
    if (kid !== undefined) {
      const unseen = since < this.#seenAt(this.#published.get(kid), keySeen)
      const withdrawn = this.#withdrawn.has(kid)
      if (unseen || withdrawn) excused.add('401 invalid_auth_token')
      if ((unseen || withdrawn) && keyServerOut) excused.add('503 identity_provider_unavailable')
    }
    if (readiness && restart) excused.add('503 overloaded').add('503 identity_provider_unavailable')
    return excused
  }

  /** When a change that the key server publishes at a time is known to the service; Infinity while that cannot be told. */
  #seenAt (time: number | undefined, margin: number): number {
    let seen = (time ?? Infinity) + margin
    for (const { from, to } of this.#spans.get('key server out') ?? []) {
      if (time !== undefined && to >= time && from < seen) seen = Math.max(seen, to + margin + outageOver)
    }
    return seen
  }

  #lately (what: Happening, since: number, after: number): boolean {
    return this.#spans.get(what)?.some(({ to }) => to + after >= since) === true
  }
}
