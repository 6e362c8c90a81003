import type { DatabaseHandle } from './handle.ts'

/** A larger share of the cache is never one entry's, so that one request cannot evict all others. */
const maxEntryShare = 1 / 16

/**
 * Caches values that were read from the database until the data version changes. A value is stored only where
 * the version is still the same after the read, so a cached value equals a new read. Without a data version
 * nothing is cached. The oldest entries are evicted first.
 */
export class VersionedCache<Value extends object> {
  readonly #database: DatabaseHandle
  readonly #maxBytes: number
  readonly #sizeOf: (value: Value) => number
  readonly #entries = new Map<string, Value>()
  #bytes = 0
  #version: number | undefined

  /**
   * @param maxBytes the limit of all keys and values
   * @param sizeOf the bytes of a value and of the overhead of its entry
   */
  constructor (database: DatabaseHandle, maxBytes: number, sizeOf: (value: Value) => number) {
    this.#database = database
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
  }

  /** The value as of this data version. */
  get (key: string, version: number | undefined): Value | undefined {
    return version !== undefined && version === this.#version ? this.#entries.get(key) : undefined
  }

  /** @param version the data version from before the value was read */
  set (key: string, value: Value, version: number | undefined): void {
    if (version === undefined || version !== this.#database.dataVersion()) return
    const bytes = this.#entryBytes(key, value)
    if (bytes > this.#maxBytes * maxEntryShare) return
    if (version !== this.#version) {
      this.#entries.clear()
      this.#bytes = 0
      this.#version = version
    }
    this.#delete(key)
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) break
      this.#delete(oldest)
    }
    this.#entries.set(key, value)
    this.#bytes += bytes
  }

  #delete (key: string): void {
    const value = this.#entries.get(key)
    if (value === undefined) return
    this.#entries.delete(key)
    this.#bytes -= this.#entryBytes(key, value)
  }

  // V8 stores two bytes per character where a string has a character beyond Latin-1.
  #entryBytes (key: string, value: Value): number {
    return 2 * key.length + this.#sizeOf(value)
  }
}
