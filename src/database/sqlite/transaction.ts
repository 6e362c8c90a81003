import type { SqliteFile } from './file.ts'
import type { GroupCommit } from './group-commit.ts'

/**
 * One transaction of a group commit. It is a savepoint, so that it can be rolled back alone.
 * https://sqlite.org/lang_savepoint.html
 */
export class SqliteTransaction {
  readonly #file: SqliteFile
  readonly #begun = Promise.withResolvers<void>()
  readonly #finished = Promise.withResolvers<boolean>()
  readonly #committed: Promise<void>
  #isFinished = false
  /** The error after which SQLite rolled back the whole group. */
  #groupError: unknown

  constructor (file: SqliteFile, groupCommit: GroupCommit) {
    this.#file = file
    this.#committed = groupCommit.join(() => {
      file.prepare('savepoint member').run()
      this.#begun.resolve()
      return this.#finished.promise
    })
  }

  /** Resolves when the savepoint is open. Rejects where the group failed before that. */
  begin (): Promise<void> {
    return Promise.race([this.#begun.promise, this.#committed])
  }

  query<Result> (query: () => Result): Result {
    // A late query would be committed alone, or with another transaction.
    if (this.#isFinished) throw new Error('the transaction is over')
    if (this.#groupError !== undefined) throw this.#groupError
    try {
      return query()
    } catch (error) {
      if (!this.#file.inTransaction) this.#groupError = error
      throw error
    }
  }

  /** Resolves when the whole group is on disk. */
  commit (): Promise<void> {
    return this.#finish(true, 'release member')
  }

  /**
   * Resolves when the rest of the group is on disk. The reason for the rollback may be data that an earlier
   * member wrote, and that data must be durable before the caller reports it.
   */
  async rollBack (): Promise<void> {
    // Kysely also calls this after a failed commit.
    if (this.#isFinished) return
    await this.#finish(false, 'rollback to member', 'release member')
  }

  #finish (hasWritten: boolean, ...statements: string[]): Promise<void> {
    try {
      for (const sql of statements) this.query(() => this.#file.prepare(sql).run())
      this.#finished.resolve(hasWritten)
    } catch (error) {
      this.#finished.reject(error)
    }
    this.#isFinished = true
    return this.#committed
  }
}
