// To flush the disk costs more than all the rest of a write. So what writes right after each other is committed together, with
// one flush: one member of the group after the other does its part, and each is acknowledged once all of it is on disk. What
// a member sees of those before it is not on disk yet, so it is told of a failure, too, only when the group is over.

import type { SqliteFile } from './file.ts'
import { lockDeadline, unlessLocked } from './locks.ts'

/** For how many turns of the event loop a commit waits, at most, for writes that are on their way, and for how many milliseconds. */
const mostTurns = 4
const longestWait = 10
/** Who comes after these waits for the next commit, and the process does its other work in between. */
const mostMembers = 100

/**
 * Does its part of the transaction that is under way, or undoes it where it fails.
 * @returns whether there is something to commit
 * @throws where SQLite has given up the whole transaction
 */
type Part = () => boolean | Promise<boolean>

interface Member {
  part: Part
  lockDeadline: number
  resolve: () => void
  reject: (error: unknown) => void
}

export class GroupCommit {
  /** Commits, and how many writes and transactions were committed with them. */
  readonly counts = { commits: 0, writes: 0 }
  readonly #file: SqliteFile
  #waiting: Member[] = []
  /** Settled when the writer who came last is done. One at a time tries for the lock, and those who only read wait for none. */
  #lastTurn: Promise<void> | undefined
  /** There while the file holds what is not committed yet, settled when it does not any more. */
  #uncommitted: Promise<void> | undefined

  constructor (file: SqliteFile) {
    this.#file = file
  }

  /**
   * Kept when all of the group is on disk, and broken where nothing of it is, or ever will be. A part must wait for no other one: they
   * may be of one group.
   */
  join (part: Part): Promise<void> {
    if (this.#waiting.length === 0) {
      const end = performance.now() + longestWait
      setImmediate(() => this.#gather(0, mostTurns, end))
    }
    return new Promise((resolve, reject) => this.#waiting.push({ part, lockDeadline: lockDeadline(), resolve, reject }))
  }

  /** Runs a query that only reads, and sees nothing that is not committed. */
  read<Result> (query: () => Result): Promise<Result> {
    const attempt = (): Result | Promise<Result> => this.#uncommitted?.then(attempt) ?? query()
    return unlessLocked(lockDeadline(), attempt)
  }

  async whileNobodyWrites<Result> (work: () => Promise<Result>): Promise<Result> {
    const endTurn = await this.#takeTurn()
    return work().finally(endTurn)
  }

  /** Waits for as long as each turn brings another member. */
  #gather (known: number, turns: number, end: number): void {
    const { length } = this.#waiting
    if (length > known && turns > 0 && performance.now() < end) setImmediate(() => this.#gather(length, turns - 1, end))
    else this.#commitTogether()
  }

  async #commitTogether (): Promise<void> {
    const endTurn = await this.#takeTurn()
    if (await this.#begin()) await this.#commit()
    endTurn()
  }

  /** Whether the lock was to be had for anybody: each waits for as long as if it were alone. */
  async #begin (): Promise<boolean> {
    for (;;) {
      const [first] = this.#waiting
      if (first === undefined) return false
      try {
        // With the write lock from the beginning, others wait instead of fail.
        await unlessLocked(first.lockDeadline, () => this.#file.prepare('begin immediate').run())
        return true
      } catch (error) {
        this.#waiting.shift()
        first.reject(error)
      }
    }
  }

  async #commit (): Promise<void> {
    const members = this.#waiting.splice(0, mostMembers)
    if (this.#waiting.length > 0) setImmediate(() => this.#commitTogether())
    const { promise, resolve: endGroup } = Promise.withResolvers<void>()
    this.#uncommitted = promise
    try {
      await this.#runTogether(members)
      for (const { resolve } of members) resolve()
    } catch (error) {
      for (const { reject } of members) reject(error)
    }
    this.#uncommitted = undefined
    endGroup()
  }

  async #runTogether (members: Member[]): Promise<void> {
    try {
      let writes = 0
      for (const { part } of members) if (await part()) writes++
      if (writes === 0) return this.#file.rollBack()
      await unlessLocked(lockDeadline(), () => this.#file.prepare('commit').run())
      this.counts.commits++
      this.counts.writes += writes
    } catch (error) {
      this.#file.rollBack()
      throw error
    }
    this.#file.checkInPlace()
  }

  /** Waits until the writers before are done; the next one waits until the turn is ended. */
  async #takeTurn (): Promise<() => void> {
    const before = this.#lastTurn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastTurn = promise
    await before
    return resolve
  }
}
