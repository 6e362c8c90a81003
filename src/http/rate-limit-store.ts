import type { FastifyRateLimitStore } from '@fastify/rate-limit'

/** The largest number of keys in one store. */
const maxKeys = 50_000

interface Window {
  count: number
  /** The time on the monotonic clock. */
  startedAtMs: number
}

type Callback = (error: Error | null, result?: { current: number, ttl: number }) => void

/**
 * A store for `@fastify/rate-limit` that uses the monotonic clock. The library's own store uses the wall
 * clock: when that clock is set back by an hour, an exceeded limit stays exceeded for an hour.
 */
export class RateLimitStore implements FastifyRateLimitStore {
  /** The oldest window comes first. */
  readonly #windows = new Map<string, Window>()

  incr (key: string, callback: Callback, windowMs: number): void {
    const nowMs = performance.now()
    const window = this.#find(key, windowMs, nowMs) ?? this.#start(key, nowMs)
    window.count++
    callback(null, { current: window.count, ttl: window.startedAtMs + windowMs - nowMs })
  }

  read (key: string, callback: Callback, windowMs: number): void {
    const nowMs = performance.now()
    const window = this.#find(key, windowMs, nowMs)
    callback(null, window === undefined ? { current: 0, ttl: 0 } : { current: window.count, ttl: window.startedAtMs + windowMs - nowMs })
  }

  /** Each limiter has a store of its own. */
  child (): RateLimitStore {
    return new RateLimitStore()
  }

  #start (key: string, startedAtMs: number): Window {
    const window = { count: 0, startedAtMs }
    this.#windows.delete(key)
    this.#windows.set(key, window)
    const [oldest] = this.#windows.keys()
    if (this.#windows.size > maxKeys && oldest !== undefined) this.#windows.delete(oldest)
    return window
  }

  #find (key: string, windowMs: number, nowMs: number): Window | undefined {
    const window = this.#windows.get(key)
    return window === undefined || nowMs - window.startedAtMs >= windowMs ? undefined : window
  }
}
