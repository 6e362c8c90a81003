// Under more requests than a process can answer, all wait longer and longer, until it works for clients that have given up.
// Refusing some of them at once keeps the answers of the others quick. What tells is not the number of requests in progress,
// which slow clients drive up at no cost to anyone, nor a delay alone, which garbage to collect makes too: it is a line that
// stays. CoDel (RFC 8289): a burst drains by itself, a standing queue does not.
//
// Requests wait in two lines. In their sockets, for as long as a turn of the event loop works on those of the turn before. And,
// once they are worked on, for one of the database's connections.

/**
 * Lines in which nobody waits longer are short, in milliseconds. 1,000 clients that ask without a pause make turns of 50 to 100, and get the
 * more answers a second for it: what they commit and write is done together. Shorter turns refused what there was time for.
 */
const shortTurn = 100
const shortWait = 100
/** Nor are lines long in which fewer stand: however slow the machine, they are in nobody's way. */
const crowd = 64
/** For how long a line stays, or stays away, before anything is concluded from it, in milliseconds. */
const patience = 250
/** How many more are taken in a turn after one that was short. */
const step = 16
/** What libuv reads at once. Where so many were ready, the turn goes on with what has come in the meantime: that is another. */
const batch = 1_024

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
  /** How many are taken in a turn, while load is shed. */
  #limit = Infinity
  /** Out of how many they are, as the turn before had it, and by which lot: the first each time would be who asks again at once. */
  #expected = 1
  #offset = 0
  #isInTurn = false
  /** When the first request of the turn came, and how long the event loop had been idle by then. */
  #began = 0
  #idle = 0
  #taken = 0
  #refused = 0
  /** How long the turn has been refusing, and since when it is. */
  #refusing = 0
  #refusingSince: number | undefined
  #ended = 0
  /** When a line was found long for the first time, turn after turn, and when for the last. */
  #longSince: number | undefined
  #longUntil = 0

  constructor (options: LoadShedderOptions) {
    this.#options = options
  }

  /** Whether the request that has just come is to be refused. To be asked once for each that waited in a socket. */
  refuses (): boolean {
    if (!this.#isInTurn || this.#taken + this.#refused >= batch) this.#beginTurn()
    const refuses = this.#isShedding && (!this.#isDrawn() || isLong(this.#options.databaseLine()))
    if (refuses) {
      this.#refused++
      this.#refusingSince ??= performance.now()
    } else {
      this.#taken++
      if (this.#refusingSince !== undefined) this.#endRefusing(performance.now())
    }
    return refuses
  }

  #isDrawn (): boolean {
    return (this.#taken + this.#refused + this.#offset) % this.#expected < this.#limit
  }

  #endRefusing (now: number): void {
    if (this.#refusingSince !== undefined) this.#refusing += now - this.#refusingSince
    this.#refusingSince = undefined
  }

  readonly #endTurn = (): void => {
    this.#isInTurn = false
    this.#ended = performance.now()
  }

  // Looks back at the turn before: at the work for what was taken, with the commits and answers that it led to since.
  #beginTurn (): void {
    const now = performance.now()
    const idle = performance.nodeTiming.idleTime
    const rest = idle - this.#idle
    this.#endRefusing(this.#isInTurn ? now : this.#ended)
    const work = now - this.#began - rest - this.#refusing
    const hasRested = rest > patience
    const isLate = work > shortTurn && this.#taken >= crowd
    // What was refused before a rest says nothing of now.
    this.#note((!hasRested && (isLate || this.#refused > 0)) || isLong(this.#options.databaseLine()), hasRested, now)
    if (!this.#isShedding) this.#limit = Infinity
    else if (work > shortTurn) this.#limit = Math.max(crowd, Math.floor(this.#taken * shortTurn / work))
    else if (this.#refused > 0) this.#limit += step
    this.#expected = Math.max(1, this.#taken + this.#refused)
    this.#offset = Math.floor(Math.random() * this.#expected)
    if (!this.#isInTurn) setImmediate(this.#endTurn)
    this.#isInTurn = true
    this.#began = now
    this.#idle = idle
    this.#taken = 0
    this.#refused = 0
    this.#refusing = 0
  }

  #note (isLong: boolean, hasRested: boolean, now: number): void {
    if (!isLong || hasRested) this.#longSince = undefined
    if (isLong) {
      this.#longSince ??= now
      this.#longUntil = now
    }
    const isShedding = this.#isShedding ? now - this.#longUntil <= patience : this.#longSince !== undefined && now - this.#longSince >= patience
    if (isShedding === this.#isShedding) return
    this.#isShedding = isShedding
    this.#options.onChange(isShedding)
  }
}

function isLong (line: Line | undefined): boolean {
  return line !== undefined && line.waiting >= crowd && line.wait > shortWait
}
