import type { GroupCommit } from './group-commit.ts'
import type { SqliteFile } from './file.ts'

/** One transaction of those that are committed together: each is a savepoint, to be undone alone. https://sqlite.org/lang_savepoint.html */
export class SqliteTransaction {
  readonly #file: SqliteFile
  readonly #begun = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<boolean>()
  readonly #committed: Promise<void>
  #isOver = false
  /** Why SQLite has given up the whole group. */
  #givenUp: unknown

  constructor (file: SqliteFile, groups: GroupCommit) {
    this.#file = file
    this.#committed = groups.join(() => {
      file.prepare('savepoint member').run()
      this.#begun.resolve()
      return this.#over.promise
    })
  }

  /** Settled when its turn has come, or never will. */
  begin (): Promise<void> {
    return Promise.race([this.#begun.promise, this.#committed])
  }

  query<Result> (query: () => Result): Result {
    // Whatever came now would be committed by itself, or with others.
    if (this.#isOver) throw new Error('the transaction is over')
    if (this.#givenUp !== undefined) throw this.#givenUp
    try {
      return query()
    } catch (error) {
      if (!this.#file.inTransaction) this.#givenUp = error
      throw error
    }
  }

  /** Settled when all of its group is on disk. */
  commit (): Promise<void> {
    return this.#finish(true, 'release member')
  }

  /** Settled when the rest of its group is on disk: why it is undone may be what it saw of that. */
  async rollBack (): Promise<void> {
    // Kysely asks for it, too, where the commit has failed.
    if (this.#isOver) return
    await this.#finish(false, 'rollback to member', 'release member')
  }

  #finish (changed: boolean, ...statements: string[]): Promise<void> {
    try {
      for (const sql of statements) this.query(() => this.#file.prepare(sql).run())
      this.#over.resolve(changed)
    } catch (error) {
      this.#over.reject(error)
    }
    this.#isOver = true
    return this.#committed
  }
}
