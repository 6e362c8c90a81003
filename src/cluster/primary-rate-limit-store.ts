import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import { onPrimaryMessage, sendToPrimary } from './messages.ts'

type Callback = (error: Error | null, result?: { current: number, ttl: number }) => void

const waiting = new Map<number, Callback>()
let lastId = 0
let limiters = 0

onPrimaryMessage('counted', ({ id, current, ttl }) => {
  const callback = waiting.get(id)
  waiting.delete(id)
  callback?.(null, { current, ttl })
})

/**
 * A store for `@fastify/rate-limit` in a worker. The primary holds the counts, so that all workers share
 * them.
 */
export class PrimaryRateLimitStore implements FastifyRateLimitStore {
  /** Workers run the same code, so the same limiter has the same number in each of them. */
  readonly #limiter = ++limiters

  incr (key: string, callback: Callback, windowMs: number): void {
    this.#ask(key, callback, windowMs, true)
  }

  read (key: string, callback: Callback, windowMs: number): void {
    this.#ask(key, callback, windowMs, false)
  }

  /** Each limiter has counts of its own. */
  child (): PrimaryRateLimitStore {
    return new PrimaryRateLimitStore()
  }

  #ask (key: string, callback: Callback, windowMs: number, increments: boolean): void {
    const id = ++lastId
    waiting.set(id, callback)
    sendToPrimary({ kind: 'count', id, limiter: this.#limiter, key, windowMs, increments })
  }
}
