import { changeMark } from './open.ts'
import type { Database } from './tables.ts'

/**
 * Remembers what was read from the database for as long as nothing in it has changed, whoever changes it. A value is kept
 * only where nothing changed while it was read: one that is found here is what reading it again would give.
 * The marks are the database's, `changeMark`; without one nothing is kept.
 */
export class ReadCache<Value extends object> {
  readonly #db: Database
  readonly #size: number
  readonly #values = new Map<string, Value>()
  #mark: number | undefined

  constructor (db: Database, size: number) {
    this.#db = db
    this.#size = size
  }

  /** What is known under the key and holds at the mark. */
  get (key: string, mark: number | undefined): Value | undefined {
    return mark !== undefined && mark === this.#mark ? this.#values.get(key) : undefined
  }

  /** @param mark the database's mark from before the value was read */
  set (key: string, value: Value, mark: number | undefined): void {
    if (mark === undefined || mark !== changeMark(this.#db)) return
    if (mark !== this.#mark || this.#values.size >= this.#size) this.#values.clear()
    this.#mark = mark
    this.#values.set(key, value)
  }
}
