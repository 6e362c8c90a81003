// Tokens that verified, each under the end of its signature, which differs wherever the tokens do: Node makes a new string of
// each header, and to hash all of it would cost more than everything else in a hit. What is found must be the whole token.
// A clock stands in for a list of who was used least recently: its hand forgets the first that nobody has asked for since it
// last came by, so tokens that come once go before those in use.

import type { SigningKey } from './key-set.ts'
import type { VerifiedUser } from './verified-user.ts'

interface Remembered {
  token: string
  user: VerifiedUser
  key: SigningKey
  isAskedFor: boolean
}

/**
 * In characters: so long that no two signatures share it by chance, and so short that V8 copies it. Of thirteen characters or more it makes
 * a view of the whole, and compares that slowly.
 */
const endLength = 12

/** Remembers at most `size` verified tokens, none past its `exp` or past the trust in its key. */
export class TokenCache {
  readonly #most: number
  readonly #byEnd = new Map<string, Remembered>()
  readonly #clock: Remembered[] = []
  #hand = 0

  constructor (size: number) {
    this.#most = Math.floor(size)
  }

  /** How many tokens are held. */
  get size (): number {
    return this.#clock.length
  }

  get (token: string): VerifiedUser | undefined {
    const remembered = this.#byEnd.get(token.slice(-endLength))
    if (remembered?.token !== token) return undefined
    if (remembered.user.expiresAt * 1000 <= Date.now() || remembered.key.trustedUntil <= performance.now()) return undefined
    remembered.isAskedFor = true
    return remembered.user
  }

  set (token: string, user: VerifiedUser, key: SigningKey): void {
    const end = token.slice(-endLength)
    const known = this.#byEnd.get(end)
    if (known !== undefined) Object.assign(known, { token, user, key })
    else if (this.#most > 0) this.#byEnd.set(end, this.#place({ token, user, key, isAskedFor: false }))
  }

  #place (remembered: Remembered): Remembered {
    let there = this.#clock[this.#hand]
    while (there?.isAskedFor === true) {
      there.isAskedFor = false
      this.#hand = (this.#hand + 1) % this.#most
      there = this.#clock[this.#hand]
    }
    if (there !== undefined) this.#byEnd.delete(there.token.slice(-endLength))
    this.#clock[this.#hand] = remembered
    this.#hand = (this.#hand + 1) % this.#most
    return remembered
  }
}
