// Verifying a signature takes as long as the rest of a short request, and anyone can send tokens that need
// it. A turn of the event loop therefore verifies a few tokens, and further ones wait in a queue for the next
// turns. Requests with a cached token are answered between the turns, so a flood of forged tokens does not
// hold them up.

/**
 * Verifications in one turn. Fewer make the turns cost more than the work in them; more delay the requests
 * between them.
 */
const maxPerTurn = 4
/**
 * When the first in the queue has waited this long, the queue gets as much time as everything else in the
 * turn.
 */
const patienceMs = 20

interface Waiting {
  since: number
  run: () => void
}

export class VerificationQueue {
  readonly #now: () => number
  readonly #waiting: Waiting[] = []
  /** Verifications done in this turn. */
  #done = 0
  /**
   * When the turn began with other work: after the last verification of the turn before, or at the first of
   * this one.
   */
  #since = 0

  /** @param now a clock, in milliseconds */
  constructor (now = () => performance.now()) {
    this.#now = now
  }

  /** How many verifications wait, and how long the first of them has waited. */
  get statistics (): { waiting: number, waitMs: number } {
    const [first] = this.#waiting
    return { waiting: this.#waiting.length, waitMs: first === undefined ? 0 : this.#now() - first.since }
  }

  /** Runs a verification: at once if none waits and the turn may do one more, else in a later turn. */
  run<Result> (work: () => Result | Promise<Result>): Result | Promise<Result> {
    if (this.#waiting.length === 0 && this.#done < maxPerTurn) return this.#begin(work)
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(this.#begin(work))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ since: this.#now(), run })
    })
  }

  #begin<Result> (work: () => Result): Result {
    if (this.#done === 0) {
      this.#since = this.#now()
      setImmediate(this.#endTurn)
    }
    this.#done++
    return work()
  }

  readonly #endTurn = (): void => {
    const now = this.#now()
    const until = this.statistics.waitMs > patienceMs ? now + (now - this.#since) : now
    this.#done = 0
    while (this.#done < maxPerTurn || this.#now() < until) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      next.run()
    }
    this.#since = this.#now()
  }
}
