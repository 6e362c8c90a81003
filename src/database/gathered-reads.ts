// A query to PostgreSQL costs more than all the rest of a short request, and what one request asks for, others often ask for in
// the same turn of the event loop: who is asking, and for the first page. So what a turn asks for is read in one go, once all of it
// has been asked. Each asker gets what was there after it had asked, as if it had been alone; nothing is kept for the next.

interface Asked<Question, Answer> {
  question: Question
  promise: Promise<Answer>
  resolve: (answer: Promise<Answer>) => void
  reject: (reason: unknown) => void
}

/** Reads from the database that are gathered over a turn of the event loop; the same one is made once for all who ask. */
export class GatheredReads<Question, Answer> {
  readonly #read: (questions: Question[]) => (question: Question) => Promise<Answer>
  #asked = new Map<string, Asked<Question, Answer>>()

  /** @param read begins to read for all the questions of a turn, and gives the answer to each */
  constructor (read: (questions: Question[]) => (question: Question) => Promise<Answer>) {
    this.#read = read
  }

  /** @param key what tells the question from others */
  ask (key: string, question: Question): Promise<Answer> {
    if (this.#asked.size === 0) setImmediate(() => this.#readAll())
    const asked = this.#asked.get(key) ?? { question, ...Promise.withResolvers<Answer>() }
    this.#asked.set(key, asked)
    return asked.promise
  }

  #readAll (): void {
    const asked = [...this.#asked.values()]
    this.#asked = new Map()
    try {
      const answer = this.#read(asked.map(({ question }) => question))
      for (const { question, resolve } of asked) resolve(answer(question))
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}
