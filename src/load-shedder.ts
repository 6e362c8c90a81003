// Under more requests than a process can answer, all wait longer and longer, until it works for clients that have given up.
// Refusing some of them at once keeps the answers of the others quick. What tells is not the number of requests in progress,
// which slow clients drive up at no cost to anyone, nor how late a timer is, which is also a matter of slow disks and of garbage:
// it is a line that stays. CoDel (RFC 8289): a burst drains by itself, a standing queue does not.
//
// Requests wait in two lines. In their sockets, while those before them in the same turn of the event loop are worked on: the
// time since the turn began is what the last of them has waited at least. And for one of the database's connections.

/** Lines in which nobody waits longer are short, in milliseconds. 256 clients that ask without a pause make the first 10 to 30. */
const shortTurn = 50
const shortWait = 100
/** Nor are lines long in which fewer stand: however slow the machine, they are in nobody's way. */
const crowd = 64
/** For how long a line stays, or stays away, before anything is concluded from it, in milliseconds. */
const patience = 500

/** Those who wait for a connection to the database. */
export interface Line {
  waiting: number
  /** For how long the first of them has waited at most, in milliseconds. */
  wait: number
}

export interface LoadShedderOptions {
  /** Undefined where there are no connections to wait for. */
  databaseLine: () => Line | undefined
  /** Told when shedding begins and when it has ended. */
  onChange: (isShedding: boolean) => void
}

export class LoadShedder {
  readonly #options: LoadShedderOptions
  #isShedding = false
  /** The turn that is under way: when its first request came, and how many have. */
  #turnBegan: number | undefined
  #requests = 0
  /** When a line was found long for the first and for the last time, in turn after turn. */
  #longSince: number | undefined
  #longUntil = 0
  #lastTurn = 0

  constructor (options: LoadShedderOptions) {
    this.#options = options
  }

  /** Whether the request that has just come is to be refused. To be asked once a request that waited in a socket. */
  refuses (): boolean {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = performance.now()
      this.#requests = 0
      setImmediate(this.#endTurn)
    }
    this.#requests++
    return this.#isShedding && this.#isTooMany(this.#turnBegan)
  }

  #isTooMany (turnBegan: number): boolean {
    const now = performance.now()
    // A turn goes on for as long as more than libuv reads at once are ready: those behind the first ones get their share too.
    const late = this.#requests > crowd && (now - turnBegan) % (2 * shortTurn) > shortTurn
    if (!late && !isLong(this.#options.databaseLine())) return false
    this.#longUntil = now
    return true
  }

  // In the event loop's check phase, before what else the requests have put there: commits take a disk's time, not theirs.
  readonly #endTurn = (): void => {
    const now = performance.now()
    const began = this.#turnBegan ?? now
    this.#turnBegan = undefined
    const long = (this.#requests > crowd && now - began > shortTurn) || isLong(this.#options.databaseLine())
    if (!long || began - this.#lastTurn > patience) this.#longSince = undefined
    if (long) {
      this.#longSince ??= now
      this.#longUntil = now
    }
    this.#lastTurn = now
    if (this.#isShedding) this.#shed(now - this.#longUntil <= patience)
    else this.#shed(this.#longSince !== undefined && now - this.#longSince >= patience)
  }

  #shed (isShedding: boolean): void {
    if (this.#isShedding === isShedding) return
    this.#isShedding = isShedding
    this.#options.onChange(isShedding)
  }
}

function isLong (line: Line | undefined): boolean {
  return line !== undefined && line.waiting > crowd && line.wait > shortWait
}
