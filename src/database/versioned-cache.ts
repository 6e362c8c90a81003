import { changeMark } from './open.ts'
import type { Database } from './tables.ts'

/** An entry larger than this share of the cache is not kept, so that one request cannot evict all others. */
const maxShare = 1 / 16

/**
 * Caches what was read from the database until anything in the database changes, whoever changes it. A value is kept only
 * where nothing changed while it was read, so a cached value equals a new read.
 * The marks are the database's, `changeMark`; without one nothing is kept. The oldest entries are evicted first.
 */
export class ReadCache<Value extends object> {
  readonly #db: Database
  readonly #maxBytes: number
  readonly #sizeOf: (value: Value) => number
  readonly #values = new Map<string, Value>()
  #bytes = 0
  #mark: number | undefined

  /**
   * @param maxBytes bounds the memory of all keys and values
   * @param sizeOf the bytes that a value and its entry take
   */
  constructor (db: Database, maxBytes: number, sizeOf: (value: Value) => number) {
    this.#db = db
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
  }

  /** The value under the key that holds at the mark. */
  get (key: string, mark: number | undefined): Value | undefined {
    return mark !== undefined && mark === this.#mark ? this.#values.get(key) : undefined
  }

  /** @param mark the database's mark from before the value was read */
  set (key: string, value: Value, mark: number | undefined): void {
    if (mark === undefined || mark !== changeMark(this.#db)) return
    const bytes = this.#entrySize(key, value)
    if (bytes > this.#maxBytes * maxShare) return
    if (mark !== this.#mark) {
      this.#values.clear()
      this.#bytes = 0
      this.#mark = mark
    }
    this.#delete(key)
    for (const oldest of this.#values.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) break
      this.#delete(oldest)
    }
    this.#values.set(key, value)
    this.#bytes += bytes
  }

  #delete (key: string): void {
    const value = this.#values.get(key)
    if (value === undefined) return
    this.#values.delete(key)
    this.#bytes -= this.#entrySize(key, value)
  }

  // V8 takes two bytes for each character where a string has one beyond Latin-1.
  #entrySize (key: string, value: Value): number {
    return 2 * key.length + this.#sizeOf(value)
  }
}
