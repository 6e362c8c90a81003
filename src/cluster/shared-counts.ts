import type { Worker } from 'node:cluster'
import { RateLimitStore } from '../http/rate-limit-store.ts'
import { onWorkerMessage, sendToWorker } from './messages.ts'

/** The counts of the rate limits of all workers, in the primary. */
export class SharedCounts {
  readonly #stores = new Map<number, RateLimitStore>()

  /** Answers the questions of a worker for as long as it runs. */
  serve (worker: Worker): void {
    onWorkerMessage(worker, 'count', ({ id, limiter, key, windowMs, increments }) => {
      const store = this.#stores.get(limiter) ?? new RateLimitStore()
      this.#stores.set(limiter, store)
      store[increments ? 'incr' : 'read'](key, (_error, result = { current: 0, ttl: 0 }) => {
        sendToWorker(worker, { kind: 'counted', id, ...result })
      }, windowMs)
    })
  }
}
