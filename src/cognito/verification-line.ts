// To verify a signature takes as long as all the rest of a short request, and anyone can send tokens that have to be. Who comes
// with a token that is known is not to wait behind all of them: in a turn of the event loop no more are verified than fit into
// a small share of time. The others stand in line for the turns after it, while what else comes is answered between them.

/** In milliseconds: a few signatures. With less, the turns would cost more than what is done in them. */
const share = 0.2
/** Once somebody has waited for so long, in milliseconds, as much time is spent as on all else of the turn. */
const patience = 20

interface Waiting {
  since: number
  verify: () => void
}

export class VerificationLine {
  readonly #now: () => number
  readonly #waiting: Waiting[] = []
  #used = 0
  #isInTurn = false
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

  /** Does the work of a verification: at once where nobody waits and the turn has time left for it. */
  verify<Result> (work: () => Result): Result | Promise<Result> {
    if (this.#waiting.length === 0 && this.#used < share) return this.#spend(work)
    return new Promise((resolve, reject) => {
      const verify = () => {
        try {
          resolve(this.#spend(work))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ since: this.#now(), verify })
    })
  }

  #spend<Result> (work: () => Result): Result {
    const begun = this.#now()
    if (!this.#isInTurn) {
      this.#isInTurn = true
      this.#since = begun
      setImmediate(this.#endTurn)
    }
    try {
      return work()
    } finally {
      this.#used += this.#now() - begun
    }
  }

  readonly #endTurn = (): void => {
    const rest = this.#now() - this.#since
    const most = this.length.wait > patience ? Math.max(share, rest) : share
    this.#isInTurn = false
    this.#used = 0
    while (this.#used < most) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      next.verify()
    }
    this.#since = this.#now()
  }
}
