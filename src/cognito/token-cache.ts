// Tokens that verified, under the whole token: hashing it again would cost more than everything else in a hit.
// Two generations stand in for a least-recently-used list: what was asked for since the last turn survives the next.

import type { SigningKey } from './key-set.ts'
import type { VerifiedUser } from './verified-user.ts'

interface Remembered {
  user: VerifiedUser
  key: SigningKey
}

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
    const young = this.#young.get(token)
    const remembered = young ?? this.#old.get(token)
    if (remembered === undefined) return undefined
    if (remembered.user.expiresAt * 1000 <= Date.now() || remembered.key.trustedUntil <= performance.now()) return undefined
    if (young === undefined) this.#add(token, remembered)
    return remembered.user
  }

  set (token: string, user: VerifiedUser, key: SigningKey): void {
    this.#add(token, { user, key })
  }

  #add (token: string, remembered: Remembered): void {
    if (this.#young.size >= this.#generationSize) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(token, remembered)
  }
}
