// A query to PostgreSQL costs more than all the rest of a short request, and what one request asks for, others often ask for in
// the same turn of the event loop: who is asking, and for the first page. So what a turn asks for is read in one go, once all of it
// has been asked. Each asker gets what was there after it had asked, as if it had been alone; nothing is kept for the next.

import { setImmediate as nextTurn } from 'node:timers/promises'

/** Databases take so many parameters in a query, and no more: PostgreSQL 65,535, SQLite 32,766. */
const mostParameters = 1_000

interface Asked<Question, Answer> {
  question: Question
  promise: Promise<Answer>
  resolve: (answer: Promise<Answer>) => void
  reject: (reason: unknown) => void
}

/** Reads from the database that are gathered over a turn of the event loop; the same one is made once for all who ask. */
export class GatheredReads<Question, Answer> {
  readonly #read: (questions: Question[]) => (question: Question) => Promise<Answer>
  readonly #maxTogether: number
  #asked = new Map<string, Asked<Question, Answer>>()

  /**
   * @param read begins to read for the questions of a turn, no more than `maxTogether`, and gives the answer to each
   * @param maxTogether how many questions are read in one turn; those left have the turns after it
   */
  constructor (read: (questions: Question[]) => (question: Question) => Promise<Answer>, maxTogether = mostParameters) {
    this.#read = read
    this.#maxTogether = maxTogether
  }

  /** @param key what tells the question from others */
  ask (key: string, question: Question): Promise<Answer> {
    if (this.#asked.size === 0) setImmediate(() => this.#readAll())
    const asked = this.#asked.get(key) ?? { question, ...Promise.withResolvers<Answer>() }
    this.#asked.set(key, asked)
    return asked.promise
  }

  async #readAll (): Promise<void> {
    const asked = [...this.#asked.values()]
    this.#asked = new Map()
    for (let n = 0; n < asked.length; n += this.#maxTogether) {
      if (n > 0) await nextTurn()
      this.#readTogether(asked.slice(n, n + this.#maxTogether))
    }
  }

  #readTogether (asked: Asked<Question, Answer>[]): void {
    try {
      const answer = this.#read(asked.map(({ question }) => question))
      for (const { question, resolve } of asked) resolve(answer(question))
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}
