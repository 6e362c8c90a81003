// Group commit. Flushing the disk costs more than the rest of a write. So writes that arrive together are
// committed with one flush. The members of a group run one after the other, and each is acknowledged when the
// whole group is on disk. A member sees uncommitted data of earlier members, so a failure is reported only
// after the commit, too.

import type { SqliteFile } from './file.ts'
import { lockDeadline, retryWhileLocked } from './lock-timeout.ts'

/** A group collects members for at most so many turns of the event loop, and at most so long. */
const maxCollectTurns = 4
const maxCollectMs = 10
/** Later members join the next group. The process runs its other work between two groups. */
const maxMembers = 100

/**
 * The work of a member within the transaction of its group. It undoes its own changes where it fails.
 * @returns whether there is something to commit
 * @throws where SQLite rolled back the whole transaction
 */
type MemberWork = () => boolean | Promise<boolean>

interface Member {
  work: MemberWork
  lockDeadline: number
  resolve: () => void
  reject: (error: unknown) => void
}

export class GroupCommit {
  /** The number of commits, and the writes and transactions in them. */
  readonly counts = { commits: 0, writes: 0 }
  readonly #file: SqliteFile
  #waiting: Member[] = []
  /** The end of the queue of writers: one writer at a time tries for the lock. Readers do not queue. */
  #lastWriter: Promise<void> | undefined
  /** Exists while the file holds uncommitted data, and resolves at the commit or rollback. */
  #uncommitted: Promise<void> | undefined

  constructor (file: SqliteFile) {
    this.#file = file
  }

  /**
   * Adds a member to the next group.
   *
   * 1. The promise resolves when the whole group is on disk.
   * 2. It rejects when nothing of the group is on disk.
   * 3. A member must not wait for another one: both may be in the same group.
   */
  join (work: MemberWork): Promise<void> {
    if (this.#waiting.length === 0) {
      const end = performance.now() + maxCollectMs
      setImmediate(() => this.#collect(0, maxCollectTurns, end))
    }
    return new Promise((resolve, reject) => this.#waiting.push({ work, lockDeadline: lockDeadline(), resolve, reject }))
  }

  /** Runs a query that only reads. It sees committed data only. */
  read<Result> (query: () => Result): Promise<Result> {
    const attempt = (): Result | Promise<Result> => this.#uncommitted?.then(attempt) ?? query()
    return retryWhileLocked(lockDeadline(), attempt)
  }

  async withoutWriters<Result> (work: () => Promise<Result>): Promise<Result> {
    const endTurn = await this.#waitForTurn()
    return work().finally(endTurn)
  }

  /** Waits while each turn of the event loop brings another member. */
  #collect (lastLength: number, turns: number, end: number): void {
    const { length } = this.#waiting
    if (length > lastLength && turns > 0 && performance.now() < end) setImmediate(() => this.#collect(length, turns - 1, end))
    else this.#runGroup()
  }

  async #runGroup (): Promise<void> {
    const endTurn = await this.#waitForTurn()
    if (await this.#begin()) await this.#settleGroup()
    endTurn()
  }

  /**
   * @returns whether the write lock was acquired before the deadline of at least one member; the others are
   * rejected
   */
  async #begin (): Promise<boolean> {
    for (;;) {
      const [first] = this.#waiting
      if (first === undefined) return false
      try {
        // `immediate` takes the write lock at the start, so that other processes wait instead of failing
        // later.
        await retryWhileLocked(first.lockDeadline, () => this.#file.prepare('begin immediate').run())
        return true
      } catch (error) {
        this.#waiting.shift()
        first.reject(error)
      }
    }
  }

  async #settleGroup (): Promise<void> {
    const members = this.#waiting.splice(0, maxMembers)
    if (this.#waiting.length > 0) setImmediate(() => this.#runGroup())
    const { promise, resolve: endGroup } = Promise.withResolvers<void>()
    this.#uncommitted = promise
    try {
      await this.#runAndCommit(members)
      for (const { resolve } of members) resolve()
    } catch (error) {
      for (const { reject } of members) reject(error)
    }
    this.#uncommitted = undefined
    endGroup()
  }

  async #runAndCommit (members: Member[]): Promise<void> {
    try {
      let writes = 0
      for (const { work } of members) if (await work()) writes++
      if (writes === 0) return this.#file.rollBack()
      await retryWhileLocked(lockDeadline(), () => this.#file.prepare('commit').run())
      this.counts.commits++
      this.counts.writes += writes
    } catch (error) {
      this.#file.rollBack()
      throw error
    }
    this.#file.checkInPlace()
  }

  /** Waits for all earlier writers. The next writer waits until the returned function is called. */
  async #waitForTurn (): Promise<() => void> {
    const before = this.#lastWriter
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastWriter = promise
    await before
    return resolve
  }
}
