import { temporaryProblem } from '../problems/catalogue.ts'

interface FairQueueOptions {
  maxRunning: number
  maxWaiting: number
  maxWaitingPerUser: number
}

/** Runs at most so many expensive tasks at once. Users who have tasks waiting take turns, whoever has more of them. */
export class FairQueue {
  readonly #options: FairQueueOptions
  /** In the order of their turns. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #running = 0
  #waitingCount = 0

  constructor (options: FairQueueOptions) {
    this.#options = options
  }

  /** @throws {Problem} `rate_limited` where too many tasks of the user wait, `overloaded` where too many of all users do */
  async run<Result> (user: string, task: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#options.maxRunning) this.#running++
    else await this.#waitForTurn(user)
    try {
      return await task()
    } finally {
      this.#startNext()
    }
  }

  #waitForTurn (user: string): Promise<void> {
    const waiting = this.#waiting.get(user) ?? []
    if (waiting.length >= this.#options.maxWaitingPerUser) throw temporaryProblem('rate_limited', 'Too many searches of yours are in progress.')
    if (this.#waitingCount >= this.#options.maxWaiting) throw temporaryProblem('overloaded', 'Too many searches are in progress.')
    this.#waitingCount++
    this.#waiting.set(user, waiting)
    return new Promise(resolve => { waiting.push(resolve) })
  }

  #startNext (): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#running--
      return
    }
    const [user, waiting] = next
    this.#waitingCount--
    waiting.shift()?.()
    this.#waiting.delete(user)
    if (waiting.length > 0) this.#waiting.set(user, waiting)
  }
}
