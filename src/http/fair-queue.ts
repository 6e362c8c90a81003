import { temporaryProblem } from '../problems/catalogue.ts'

interface FairQueueOptions {
  maxRunning: number
  maxWaiting: number
  maxWaitingPerUser: number
}

/**
 * Limits the number of expensive tasks that run at once, for all users together. Users with waiting tasks
 * take turns. Compare `ConcurrencyLimit`: it limits each user alone, and ends with the response instead of
 * the task.
 */
export class FairQueue {
  readonly #options: FairQueueOptions
  /** The waiting tasks by user, in the order of the users' turns. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #runningCount = 0
  #waitingCount = 0

  constructor (options: FairQueueOptions) {
    this.#options = options
  }

  /**
   * @throws {Problem} `rate_limited` where too many tasks of the user wait, `overloaded` where too many of
   * all users wait
   */
  async run<Result> (user: string, task: () => Promise<Result>): Promise<Result> {
    if (this.#runningCount < this.#options.maxRunning) this.#runningCount++
    else await this.#waitForTurn(user)
    try {
      return await task()
    } finally {
      this.#startNext()
    }
  }

  #waitForTurn (user: string): Promise<void> {
    const waiting = this.#waiting.get(user) ?? []
    if (waiting.length >= this.#options.maxWaitingPerUser) {
      throw temporaryProblem('rate_limited', 'Too many of your searches are waiting. Wait for their responses, and try again.')
    }
    if (this.#waitingCount >= this.#options.maxWaiting) {
      throw temporaryProblem('overloaded', 'Too many searches are waiting. Try again later.')
    }
    this.#waitingCount++
    this.#waiting.set(user, waiting)
    return new Promise(resolve => { waiting.push(resolve) })
  }

  #startNext (): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#runningCount--
      return
    }
    const [user, waiting] = next
    this.#waitingCount--
    waiting.shift()?.()
    // The user's next turn comes after the turns of all others.
    this.#waiting.delete(user)
    if (waiting.length > 0) this.#waiting.set(user, waiting)
  }
}
