import { setImmediate as nextTurn } from 'node:timers/promises'

interface Flight<Value> {
  work: () => Promise<Value>
  promise: Promise<Value>
  resolve: (value: Promise<Value>) => void
}

/**
 * Runs the same work once for all calls of one turn of the event loop.
 *
 * 1. Calls with the same key share one run, its value and its failure.
 * 2. The work starts after the turn, so its value is never older than a call.
 * 3. Nothing is cached: a call after the start begins another run.
 */
export class SingleFlight<Value> {
  readonly #maxStartsPerTurn: number
  #pending = new Map<string, Flight<Value>>()

  /**
   * @param maxStartsPerTurn SQLite's queries block the event loop, so other work gets a turn after so many
   */
  constructor (maxStartsPerTurn: number) {
    this.#maxStartsPerTurn = maxStartsPerTurn
  }

  run (key: string, work: () => Promise<Value>): Promise<Value> {
    if (this.#pending.size === 0) setImmediate(() => this.#start())
    const flight = this.#pending.get(key) ?? { work, ...Promise.withResolvers<Value>() }
    this.#pending.set(key, flight)
    return flight.promise
  }

  async #start (): Promise<void> {
    const flights = [...this.#pending.values()]
    this.#pending = new Map()
    for (const [index, { work, resolve }] of flights.entries()) {
      if (index > 0 && index % this.#maxStartsPerTurn === 0) await nextTurn()
      resolve(work())
    }
  }
}
