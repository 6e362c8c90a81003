// Tokens that verified, each under the end of its signature, which differs wherever the tokens do: Node makes a new string of
// each header, and to hash all of it would cost more than everything else in a hit. What is found must be the whole token.
// Two generations stand in for a least-recently-used list: what was asked for since the last turn survives the next.

import type { SigningKey } from './key-set.ts'
import type { VerifiedUser } from './verified-user.ts'

interface Remembered {
  token: string
  user: VerifiedUser
  key: SigningKey
}

/** In characters: so long that no two signatures share it by chance. */
const endLength = 43

/** Remembers at most `size` verified tokens, none past its `exp` or past the trust in its key. */
export class TokenCache {
  readonly #generationSize: number
  #young = new Map<string, Remembered>()
  #old = new Map<string, Remembered>()

  constructor (size: number) {
    this.#generationSize = Math.ceil(size / 2)
  }

  /** How many tokens are held; those that both generations hold count twice. */
  get size (): number {
    return this.#young.size + this.#old.size
  }

  get (token: string): VerifiedUser | undefined {
    const end = token.slice(-endLength)
    const young = this.#young.get(end)
    const remembered = young ?? this.#old.get(end)
    if (remembered?.token !== token) return undefined
    if (remembered.user.expiresAt * 1000 <= Date.now() || remembered.key.trustedUntil <= performance.now()) return undefined
    if (young === undefined) this.#add(end, remembered)
    return remembered.user
  }

  set (token: string, user: VerifiedUser, key: SigningKey): void {
    this.#add(token.slice(-endLength), { token, user, key })
  }

  #add (end: string, remembered: Remembered): void {
    if (this.#young.size >= this.#generationSize) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(end, remembered)
  }
}
