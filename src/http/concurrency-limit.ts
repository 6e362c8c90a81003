import type { ServerResponse } from 'node:http'

interface ConcurrencyLimitOptions {
  maxRunning: number
  maxWaiting: number
  /** A request that waited for so long is refused. */
  maxWaitMs: number
}

/** The requests of one key. */
interface Lane {
  running: number
  /** The callbacks of those that wait, the first one first. */
  waiting: Set<(isAdmitted: boolean) => void>
}

/** Bounds how many requests of one key are in progress. A request is in progress until its response has closed. */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions
  readonly #lanes = new Map<string, Lane>()

  constructor (options: ConcurrencyLimitOptions) {
    this.#options = options
  }

  /** Whether the request may begin. It is a promise where the request has to wait first. */
  admit (key: string, response: ServerResponse, mayWait: () => boolean): boolean | Promise<boolean> {
    // A response that has closed never says so again.
    if (response.closed) return false
    const lane = this.#lanes.get(key) ?? { running: 0, waiting: new Set() }
    if (lane.running < this.#options.maxRunning) {
      lane.running++
      this.#lanes.set(key, lane)
      response.once('close', () => this.#leave(key, lane))
      return true
    }
    return mayWait() && lane.waiting.size < this.#options.maxWaiting && this.#wait(key, lane, response)
  }

  #wait (key: string, lane: Lane, response: ServerResponse): Promise<boolean> {
    return new Promise(resolve => {
      const settle = (isAdmitted: boolean) => {
        clearTimeout(timer)
        lane.waiting.delete(settle)
        response.off('close', abandon)
        if (isAdmitted) response.once('close', () => this.#leave(key, lane))
        resolve(isAdmitted)
      }
      const abandon = () => settle(false)
      const timer = setTimeout(abandon, this.#options.maxWaitMs)
      response.once('close', abandon)
      lane.waiting.add(settle)
    })
  }

  #leave (key: string, lane: Lane): void {
    const [next] = lane.waiting
    if (next !== undefined) {
      next(true)
      return
    }
    lane.running--
    if (lane.running === 0) this.#lanes.delete(key)
  }
}
