import { setImmediate as nextTurn } from 'node:timers/promises'

/** Databases limit the parameters of a query: PostgreSQL to 65,535, SQLite to 32,766. */
const defaultMaxBatchSize = 1_000

interface Load<Item, Value> {
  item: Item
  promise: Promise<Value>
  resolve: (value: Value) => void
  reject: (reason: unknown) => void
}

/**
 * Batches the loads of one turn of the event loop into one query, as DataLoader does. A query to PostgreSQL
 * costs more than the rest of a short request, and many requests of a turn load the same kind of row.
 *
 * 1. Loads with the same key share one item of the batch.
 * 2. The batch is dispatched after the turn, so a load sees everything that was committed before it.
 * 3. Nothing is cached: a load after the dispatch joins the next batch.
 */
export class BatchLoader<Item, Value> {
  readonly #loadBatch: (items: Item[]) => Promise<Value[]>
  readonly #maxBatchSize: number
  #pending = new Map<string, Load<Item, Value>>()

  /**
   * @param loadBatch loads the values of the items, in the order of the items
   * @param maxBatchSize the most items of a batch; further batches follow in the next turns
   */
  constructor (loadBatch: (items: Item[]) => Promise<Value[]>, maxBatchSize = defaultMaxBatchSize) {
    this.#loadBatch = loadBatch
    this.#maxBatchSize = maxBatchSize
  }

  /** @param key identifies the item */
  load (key: string, item: Item): Promise<Value> {
    if (this.#pending.size === 0) setImmediate(() => this.#dispatch())
    const load = this.#pending.get(key) ?? { item, ...Promise.withResolvers<Value>() }
    this.#pending.set(key, load)
    return load.promise
  }

  async #dispatch (): Promise<void> {
    const loads = [...this.#pending.values()]
    this.#pending = new Map()
    for (let start = 0; start < loads.length; start += this.#maxBatchSize) {
      if (start > 0) await nextTurn()
      this.#dispatchBatch(loads.slice(start, start + this.#maxBatchSize))
    }
  }

  async #dispatchBatch (batch: Load<Item, Value>[]): Promise<void> {
    try {
      const values = await this.#loadBatch(batch.map(({ item }) => item))
      if (values.length !== batch.length) throw new Error(`a batch of ${batch.length} items loaded ${values.length} values`)
      for (const [index, value] of values.entries()) batch[index]?.resolve(value)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
