import type { Member } from './group-commit.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** One transaction of those that are committed together: each is a savepoint, to be undone alone. https://sqlite.org/lang_savepoint.html */
export class SqliteTransaction implements Member {
  readonly #file: SqliteFile
  readonly #begun = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<boolean>()
  readonly #ended = Promise.withResolvers<void>()
  /** Settled when its turn has come, or never will. */
  readonly begun = Promise.race([this.#begun.promise, this.#ended.promise])
  /** Why SQLite has given up the whole group. */
  #givenUp: { error: unknown } | undefined

  constructor (file: SqliteFile) {
    this.#file = file
  }

  run (): Promise<boolean> {
    this.#file.prepare('savepoint member').run()
    this.#begun.resolve()
    return this.#over.promise
  }

  committed (): void {
    this.#ended.resolve()
  }

  failed (error: unknown): void {
    this.#ended.reject(error)
  }

  query<Result> (query: () => Result): Result {
    // Whatever came now would be committed at once, by itself.
    if (this.#givenUp !== undefined) throw this.#givenUp.error
    try {
      return query()
    } catch (error) {
      if (!this.#file.inTransaction) this.#givenUp = { error }
      throw error
    }
  }

  /** Settled when all of its group is on disk. */
  commit (): Promise<void> {
    return this.#finish(true, 'release member')
  }

  /** Settled when the rest of its group is on disk: why it is undone may be what it saw of that. */
  rollBack (): Promise<void> {
    return this.#finish(false, 'rollback to member', 'release member')
  }

  #finish (changed: boolean, ...statements: string[]): Promise<void> {
    try {
      for (const sql of statements) this.query(() => this.#file.prepare(sql).run())
      this.#over.resolve(changed)
    } catch (error) {
      this.#over.reject(error)
    }
    return this.#ended.promise
  }
}
