// Under more requests than a process can answer, all wait longer and longer, until it works for clients that have given up.
// Refusing some of them keeps the answers of the others quick. What tells is not the number of requests in progress,
// which slow clients drive up at no cost to anyone, nor a delay alone, which garbage to collect makes too: it is a line that
// stays. CoDel (RFC 8289): a burst drains by itself, a standing queue does not.
//
// Requests wait in three lines. In their sockets, for as long as the event loop works on those before them. Then, with a token
// that is new, for it to be verified. And for one of the database's connections. The first line is judged by the round: as many
// turns of the event loop, without a rest between them, as it takes for a crowd to come. What comes in one turn is committed and
// answered in the turns after it, in which few others may come: such a turn says nothing by itself.

/**
 * Lines in which nobody waits longer are short, in milliseconds. 1,000 clients that ask without a pause make rounds of 100 to
 * 200 where all are taken, and get the more answers a second for it, since what they commit and write is done together; but each
 * waits for two.
 */
const shortRound = 50
const shortWait = 100
/** Nor are lines long in which fewer stand: however slow the machine, they are in nobody's way. */
const crowd = 64
/** For how long a line stays, or stays away, before anything is concluded from it, in milliseconds. */
const patience = 250
/** How many more are taken in a turn, at least, after a round that was short; at most twice as many. */
const step = 16
/** What libuv reads at once. Where so many were ready, the turn goes on with what has come in the meantime: that is another. */
const batch = 1_024
/** With so much rest, in milliseconds, nobody had been left waiting in a socket. */
const pause = 1

/** Those who wait once their request has been read. */
export interface Line {
  waiting: number
  /** For how long the first of them has waited at most, in milliseconds. */
  wait: number
}

export interface LoadShedderOptions {
  /** Undefined where there are no connections to wait for. */
  databaseLine: () => Line | undefined
  /** Those whose token is to be verified. */
  tokenLine: () => Line
  /** Told when shedding begins and when it has ended. */
  onChange: (isShedding: boolean) => void
}

export class LoadShedder {
  readonly #options: LoadShedderOptions
  #isShedding = false
  #isInTurn = false
  /** How many came in the turn, how many of them could be taken, and how many were. */
  #inTurn = 0
  #inLot = 0
  #takenInTurn = 0
  /** When the first request of the round came, and how long the event loop had been idle by then. */
  #began = 0
  #idle = 0
  /** How many could be taken in the fullest turn of the round. */
  #fullest = 0
  #taken = 0
  #refused = 0
  /** How long the round has been refusing, and since when it is. */
  #refusing = 0
  #refusingSince: number | undefined
  /** How many are taken in a turn, while load is shed. */
  #limit = Infinity
  /** Out of how many they are, as the round before had it, and by which lot: the first each time would be who asks again at once. */
  #expected = 1
  #offset = 0
  /** When a line was found long for the first time, round after round, and when for the last. */
  #longSince: number | undefined
  #longUntil = 0

  constructor (options: LoadShedderOptions) {
    this.#options = options
  }

  /**
   * Whether the request that has just come is to be refused. To be asked once for each that waited in a socket.
   * @param hasNewToken whether its token would have to be verified
   */
  refuses (hasNewToken: () => boolean): boolean {
    if (!this.#isInTurn || this.#inTurn >= batch) this.#beginTurn()
    const { databaseLine, tokenLine } = this.#options
    this.#inTurn++
    if (this.#isShedding && isLong(tokenLine()) && hasNewToken()) return this.#refuse()
    const isTaken = !this.#isShedding || (this.#isDrawn() && !isLong(databaseLine()))
    this.#inLot++
    if (!isTaken) return this.#refuse()
    this.#taken++
    this.#takenInTurn++
    this.#endRefusing()
    return false
  }

  #refuse (): true {
    this.#refused++
    this.#refusingSince ??= performance.now()
    return true
  }

  /** That refusals which were put off have taken so many milliseconds now: time that is not for what was taken. */
  noteRefusing (ms: number): void {
    this.#refusing += ms
  }

  #isDrawn (): boolean {
    return this.#takenInTurn < this.#limit && (this.#inLot + this.#offset) % this.#expected < this.#limit
  }

  #endRefusing (): void {
    if (this.#refusingSince !== undefined) this.#refusing += performance.now() - this.#refusingSince
    this.#refusingSince = undefined
  }

  #beginTurn (): void {
    const now = performance.now()
    const idle = performance.nodeTiming.idleTime
    if (this.#isInTurn) this.#endRefusing()
    else setImmediate(this.#endTurn)
    this.#isInTurn = true
    this.#fullest = Math.max(this.#fullest, this.#inLot)
    this.#inTurn = 0
    this.#inLot = 0
    this.#takenInTurn = 0
    if (this.#taken + this.#refused >= crowd || idle - this.#idle > pause) this.#beginRound(now, idle)
  }

  readonly #endTurn = (): void => {
    this.#isInTurn = false
    this.#endRefusing()
  }

  // Looks back at the round before: at the work for what was taken, with the commits and answers that it led to since.
  #beginRound (now: number, idle: number): void {
    const rest = idle - this.#idle
    const work = now - this.#began - rest - this.#refusing
    // What was taken or refused before a rest says nothing of now: whoever was in line has been answered since.
    const hasRested = rest > shortRound
    const isLate = !hasRested && ((work > shortRound && this.#fullest >= crowd) || this.#refused > 0)
    this.#note(isLate || isLong(this.#options.databaseLine()) || isLong(this.#options.tokenLine()), rest > patience, now)
    const fitting = Math.floor(this.#taken * shortRound / Math.max(work, 1))
    if (!this.#isShedding) this.#limit = Infinity
    else if (work > shortRound) this.#limit = Math.max(crowd, fitting)
    else if (this.#refused > 0) this.#limit = Math.max(this.#limit + step, Math.min(this.#limit * 2, fitting))
    this.#expected = hasRested ? 1 : Math.max(1, this.#fullest)
    this.#offset = Math.floor(Math.random() * this.#expected)
    this.#began = now
    this.#idle = idle
    this.#fullest = 0
    this.#taken = 0
    this.#refused = 0
    this.#refusing = 0
  }

  #note (isLong: boolean, isNew: boolean, now: number): void {
    if (!isLong || isNew) this.#longSince = undefined
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
