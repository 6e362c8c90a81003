// To flush the disk costs more than all the rest of a write. So what writes right after each other is committed together, with
// one flush: one member of the group after the other does its part, and each is acknowledged once all of it is on disk. What
// a member sees of those before it is not on disk yet, so it is told of a failure, too, only when the group is over.

import type { SqliteFile } from './sqlite-file.ts'
import { lockDeadline, unlessLocked } from './sqlite-locks.ts'

/** For how many turns of the event loop a commit waits, at most, for writes that are on their way, and for how many milliseconds. */
const mostTurns = 4
const longestWait = 10
/** Who comes after these waits for the next commit, and the process does its other work in between. */
const mostMembers = 100

/** One of those who are committed together. */
export interface Member {
  /**
   * Does its part of the transaction that is under way, or undoes it where it fails.
   * @returns whether there is something to commit
   * @throws where SQLite has given up the whole transaction
   */
  run: () => boolean | Promise<boolean>
  /** Told when the group is on disk. */
  committed: () => void
  /** Told when nothing of the group is, and never will be. */
  failed: (error: unknown) => void
}

export class GroupCommit {
  /** Commits, and how many members they had. */
  readonly counts = { commits: 0, writes: 0 }
  readonly #file: SqliteFile
  #waiting: Member[] = []
  /** Settled when the writer who came last is done. One at a time tries for the lock, and those who only read wait for none. */
  #lastTurn: Promise<void> | undefined
  /** There while the file holds what is not committed yet, settled when it does not any more. */
  uncommitted: Promise<void> | undefined

  constructor (file: SqliteFile) {
    this.#file = file
  }

  join (member: Member): void {
    if (this.#waiting.length === 0) {
      const end = performance.now() + longestWait
      setImmediate(() => this.#gather(0, mostTurns, end))
    }
    this.#waiting.push(member)
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
    const deadline = lockDeadline()
    const endTurn = await this.#takeTurn()
    try {
      await unlessLocked(deadline, () => this.#file.prepare('begin immediate').run())
      const members = this.#waiting.splice(0, mostMembers)
      if (this.#waiting.length > 0) setImmediate(() => this.#commitTogether())
      await this.#commit(members)
    } catch (error) {
      // The lock was not to be had; nor would it be for those who came later.
      for (const member of this.#waiting.splice(0)) member.failed(error)
    } finally {
      endTurn()
    }
  }

  async #commit (members: Member[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.uncommitted = promise
    try {
      await this.#runTogether(members)
      this.counts.commits++
      this.counts.writes += members.length
      for (const member of members) member.committed()
    } catch (error) {
      for (const member of members) member.failed(error)
    } finally {
      this.uncommitted = undefined
      resolve()
    }
  }

  async #runTogether (members: Member[]): Promise<void> {
    try {
      let changed = false
      for (const member of members) if (await member.run()) changed = true
      if (changed) await unlessLocked(lockDeadline(), () => this.#file.prepare('commit').run())
      else this.#file.rollBack()
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
