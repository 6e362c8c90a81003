import type { ServerResponse } from 'node:http'

interface ConcurrencyLimitOptions {
  maxRunning: number
  maxWaiting: number
  /** A request that has waited for this time is rejected. */
  maxWaitMs: number
}

/** The requests of one key. */
interface Entry {
  runningCount: number
  /** The callbacks of waiting requests, the oldest first. */
  waiting: Set<(isAdmitted: boolean) => void>
}

/**
 * Limits the requests in progress of each key, such as a user or an address. Further requests wait in a queue
 * of that key. A request is in progress until its response has closed.
 */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions
  readonly #entries = new Map<string, Entry>()

  constructor (options: ConcurrencyLimitOptions) {
    this.#options = options
  }

  /**
   * Whether the request may start. The result is a promise where the request waits first.
   * @param mayWait asked only where the request cannot start at once
   */
  admit (key: string, response: ServerResponse, mayWait: () => boolean): boolean | Promise<boolean> {
    // A closed response emits no further `close` event, so its place would never become free.
    if (response.closed) return false
    const entry = this.#entries.get(key) ?? { runningCount: 0, waiting: new Set() }
    if (entry.runningCount < this.#options.maxRunning) {
      entry.runningCount++
      this.#entries.set(key, entry)
      response.once('close', () => this.#release(key, entry))
      return true
    }
    return mayWait() && entry.waiting.size < this.#options.maxWaiting && this.#wait(key, entry, response)
  }

  #wait (key: string, entry: Entry, response: ServerResponse): Promise<boolean> {
    return new Promise(resolve => {
      const settle = (isAdmitted: boolean) => {
        clearTimeout(timer)
        entry.waiting.delete(settle)
        response.off('close', reject)
        if (isAdmitted) response.once('close', () => this.#release(key, entry))
        resolve(isAdmitted)
      }
      const reject = () => settle(false)
      const timer = setTimeout(reject, this.#options.maxWaitMs)
      response.once('close', reject)
      entry.waiting.add(settle)
    })
  }

  /** Passes the place of a request to the oldest waiting request of its key. */
  #release (key: string, entry: Entry): void {
    const [next] = entry.waiting
    if (next !== undefined) {
      next(true)
      return
    }
    entry.runningCount--
    if (entry.runningCount === 0) this.#entries.delete(key)
  }
}
