// To verify a signature takes as long as all the rest of a short request, and anyone can send tokens that have to be. Who comes
// with a token that is known is not to wait behind all of them: a turn of the event loop verifies a few, and the others stand in
// line for the turns after it, while what else comes is answered between them.

/** With fewer, the turns would cost more than what is done in them; with more, those between wait for longer. */
const perTurn = 4
/** Once somebody has waited for so long, in milliseconds, as much time is spent as on all else of the turn. */
const patience = 20

interface Waiting {
  since: number
  verify: () => void
}

export class VerificationLine {
  readonly #now: () => number
  readonly #waiting: Waiting[] = []
  /** How many this turn has verified. */
  #verified = 0
  /** Since when the turn has been at all else: when the last verification of the one before was over, or the first of this one began. */
  #since = 0

  /** @param now a clock, in milliseconds */
  constructor (now = () => performance.now()) {
    this.#now = now
  }

  /** How many wait, and for how long the first of them has, in milliseconds. */
  get length (): { waiting: number, wait: number } {
    const [first] = this.#waiting
    return { waiting: this.#waiting.length, wait: first === undefined ? 0 : this.#now() - first.since }
  }

  /** Does the work of a verification: at once where nobody waits and the turn may verify one more. */
  verify<Result> (work: () => Result): Result | Promise<Result> {
    if (this.#waiting.length === 0 && this.#verified < perTurn) return this.#begin(work)
    return new Promise((resolve, reject) => {
      const verify = () => {
        try {
          resolve(this.#begin(work))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ since: this.#now(), verify })
    })
  }

  #begin<Result> (work: () => Result): Result {
    if (this.#verified === 0) {
      this.#since = this.#now()
      setImmediate(this.#endTurn)
    }
    this.#verified++
    return work()
  }

  readonly #endTurn = (): void => {
    const now = this.#now()
    const until = this.length.wait > patience ? now + (now - this.#since) : now
    this.#verified = 0
    while (this.#verified < perTurn || this.#now() < until) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      next.verify()
    }
    this.#since = this.#now()
  }
}
