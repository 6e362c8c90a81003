// Verified tokens, each under the end of its signature, which differs wherever the tokens do. Node makes a
// new string of each header, and hashing all of it would cost more than the rest of a hit. A hit compares the
// whole token.

import type { SigningKey } from './keys/key-set.ts'
import type { VerifiedUser } from './verified-user.ts'

interface Entry {
  token: string
  user: VerifiedUser
  key: SigningKey
  isUsed: boolean
}

/**
 * In characters: long enough that no two signatures share it by chance, and short enough that V8 copies it.
 * V8 makes a view of a longer part, and compares that slowly.
 */
const endLength = 12

/**
 * 6,000 entries of ordinary tokens, of about 1,000 characters, fit. The size of a token is its client's
 * choice.
 */
const defaultMaxBytes = 20 * 2 ** 20

/**
 * Caches at most `maxEntries` verified tokens of at most `maxBytes` in all, none past its `exp` or past the
 * trust in its key. Eviction is the CLOCK algorithm: the oldest entry goes, unless it was used since it was
 * last considered. Tokens that come once therefore go before those in use.
 */
export class TokenCache {
  readonly #maxEntries: number
  readonly #maxBytes: number
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor (maxEntries: number, maxBytes = defaultMaxBytes) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  /** The number of cached tokens. */
  get size (): number {
    return this.#entries.size
  }

  get (token: string): VerifiedUser | undefined {
    const entry = this.#entries.get(token.slice(-endLength))
    if (entry?.token !== token) return undefined
    if (entry.user.expiresAt * 1000 <= Date.now() || entry.key.trustedUntil <= performance.now()) return undefined
    entry.isUsed = true
    return entry.user
  }

  set (token: string, user: VerifiedUser, key: SigningKey): void {
    const bytes = entryBytes(token)
    if (this.#maxEntries < 1 || bytes > this.#maxBytes) return
    const end = token.slice(-endLength)
    const known = this.#entries.get(end)
    if (known !== undefined) this.#delete(end, known)
    this.#makeRoom(bytes)
    this.#entries.set(end, { token, user, key, isUsed: false })
    this.#bytes += bytes
  }

  // An entry that was used moves to the end of the map, where the loop meets it again as unused.
  #makeRoom (bytes: number): void {
    for (const [end, entry] of this.#entries) {
      if (this.#entries.size + 1 <= this.#maxEntries && this.#bytes + bytes <= this.#maxBytes) return
      this.#delete(end, entry)
      if (!entry.isUsed) continue
      entry.isUsed = false
      this.#entries.set(end, entry)
      this.#bytes += entryBytes(entry.token)
    }
  }

  #delete (end: string, { token }: Entry): void {
    this.#entries.delete(end)
    this.#bytes -= entryBytes(token)
  }
}

/**
 * An upper estimate of the heap that an entry takes. Measured on 2026-11-27: 1,700 bytes for a token of 1,000
 * characters, 20 kB for one of 9,600 characters with 1,200 groups.
 */
function entryBytes (token: string): number {
  return 1_000 + 2 * token.length
}
