/*
 * Decides which requests to reject under overload, so that the others are served in time.
 *
 * A queue that stays long shows overload, as in CoDel (RFC 8289): a burst drains by itself, a standing queue
 * does not. The number of requests in progress does not show it, because slow clients raise that number at no
 * cost to anyone. A delay alone does not show it either, because garbage collection causes delays too.
 *
 * A request waits in three queues:
 * 1. In its socket, while the event loop works on earlier requests.
 * 2. With a new token, until the token is verified.
 * 3. For a connection to the database.
 *
 * The first queue is measured in rounds. A round is a number of turns of the event loop without idle time
 * between them, until `minQueueLength` requests have arrived. One turn says nothing by itself: its requests
 * are committed and answered in later turns.
 */

/**
 * A round with less work than this leaves no standing queue. Long rounds serve more requests per second, but
 * each waits for two.
 */
const maxRoundMs = 50
/** A queue whose oldest entry has waited for less than this is short. */
const maxQueueWaitMs = 100
/** A shorter queue delays nobody much, however slow the machine. */
const minQueueLength = 64
/** Shedding starts and ends after a queue has stayed long, or short, for this time. */
const intervalMs = 250
/** The limit of a turn grows by at least this number after a short round, and at most doubles. */
const minLimitStep = 16
/**
 * libuv reads this number of sockets at once. Further requests of the same turn have arrived since, and count
 * as another turn.
 */
const maxTurnLength = 1_024
/** After this idle time, no request was left waiting in a socket. */
const minIdleMs = 1

/** A queue of requests that have been read. */
export interface Queue {
  waiting: number
  /** The longest possible wait of the oldest entry, in milliseconds. */
  wait: number
}

export interface LoadShedderOptions {
  /** The queue for a connection to the database. Undefined for a database without a pool. */
  databaseQueue: () => Queue | undefined
  /** The queue of new tokens to verify. */
  tokenQueue: () => Queue
  /** Called when shedding starts and when it ends. */
  onChange: (isShedding: boolean) => void
}

export class LoadShedder {
  readonly #options: LoadShedderOptions
  #isShedding = false

  // The current turn: all its requests, those that were eligible (not rejected for their token), and those
  // accepted.
  #isInTurn = false
  #turnLength = 0
  #turnEligible = 0
  #turnAccepted = 0

  // The current round.
  #roundStartMs = 0
  #idleAtRoundStartMs = 0
  /** The eligible requests in the fullest turn of the round. */
  #maxTurnEligible = 0
  #roundAccepted = 0
  #roundRejected = 0
  /**
   * The time that rejections took in the round, and the start of the series of rejections that is going on.
   */
  #rejectionMs = 0
  #rejectingSinceMs: number | undefined

  // While load is shed, a turn accepts at most `limit` of the `expectedLength` requests that the previous
  // round predicts. They are drawn by lot. The first ones would always be the clients that retry at once.
  #limit = Infinity
  #expectedLength = 1
  #lotOffset = 0

  /** The first and the last round of the current series of rounds that found a long queue. */
  #firstLongMs: number | undefined
  #lastLongMs = 0

  constructor (options: LoadShedderOptions) {
    this.#options = options
  }

  /**
   * Whether to reject the request that has just arrived. Call it once for each request that waited in a
   * socket.
   * @param hasNewToken whether the request's token would have to be verified
   */
  rejects (hasNewToken: () => boolean): boolean {
    if (!this.#isInTurn || this.#turnLength >= maxTurnLength) this.#startTurn()
    const { databaseQueue, tokenQueue } = this.#options
    this.#turnLength++
    if (this.#isShedding && isLong(tokenQueue()) && hasNewToken()) return this.#reject()
    const isAccepted = !this.#isShedding || (this.#isDrawn() && !isLong(databaseQueue()))
    this.#turnEligible++
    if (!isAccepted) return this.#reject()
    this.#roundAccepted++
    this.#turnAccepted++
    this.#endRejecting()
    return false
  }

  /** Adds the time that delayed rejections took. It is no work for accepted requests. */
  addRejectionTime (ms: number): void {
    this.#rejectionMs += ms
  }

  #reject (): true {
    this.#roundRejected++
    this.#rejectingSinceMs ??= performance.now()
    return true
  }

  #isDrawn (): boolean {
    return this.#turnAccepted < this.#limit && (this.#turnEligible + this.#lotOffset) % this.#expectedLength < this.#limit
  }

  #endRejecting (): void {
    if (this.#rejectingSinceMs !== undefined) this.#rejectionMs += performance.now() - this.#rejectingSinceMs
    this.#rejectingSinceMs = undefined
  }

  #startTurn (): void {
    const nowMs = performance.now()
    const idleMs = performance.nodeTiming.idleTime
    if (this.#isInTurn) this.#endRejecting()
    else setImmediate(this.#endTurn)
    this.#isInTurn = true
    this.#maxTurnEligible = Math.max(this.#maxTurnEligible, this.#turnEligible)
    this.#turnLength = 0
    this.#turnEligible = 0
    this.#turnAccepted = 0
    const roundLength = this.#roundAccepted + this.#roundRejected
    if (roundLength >= minQueueLength || idleMs - this.#idleAtRoundStartMs > minIdleMs) this.#startRound(nowMs, idleMs)
  }

  readonly #endTurn = (): void => {
    this.#isInTurn = false
    this.#endRejecting()
  }

  /**
   * Evaluates the previous round: the work for its accepted requests, with the commits and responses since.
   */
  #startRound (nowMs: number, idleMs: number): void {
    const restMs = idleMs - this.#idleAtRoundStartMs
    const workMs = nowMs - this.#roundStartMs - restMs - this.#rejectionMs
    // A round before a rest says nothing about the present: its requests have their responses.
    const hasRested = restMs > maxRoundMs
    const isLate = !hasRested && ((workMs > maxRoundMs && this.#maxTurnEligible >= minQueueLength) || this.#roundRejected > 0)
    const isLongNow = isLate || isLong(this.#options.databaseQueue()) || isLong(this.#options.tokenQueue())
    this.#updateShedding(isLongNow, restMs > intervalMs, nowMs)
    const affordable = Math.floor(this.#roundAccepted * maxRoundMs / Math.max(workMs, 1))
    if (!this.#isShedding) this.#limit = Infinity
    else if (workMs > maxRoundMs) this.#limit = Math.max(minQueueLength, affordable)
    else if (this.#roundRejected > 0) this.#limit = Math.max(this.#limit + minLimitStep, Math.min(this.#limit * 2, affordable))
    this.#expectedLength = hasRested ? 1 : Math.max(1, this.#maxTurnEligible)
    this.#lotOffset = Math.floor(Math.random() * this.#expectedLength)
    this.#roundStartMs = nowMs
    this.#idleAtRoundStartMs = idleMs
    this.#maxTurnEligible = 0
    this.#roundAccepted = 0
    this.#roundRejected = 0
    this.#rejectionMs = 0
  }

  #updateShedding (isLongNow: boolean, isNewSeries: boolean, nowMs: number): void {
    if (!isLongNow || isNewSeries) this.#firstLongMs = undefined
    if (isLongNow) {
      this.#firstLongMs ??= nowMs
      this.#lastLongMs = nowMs
    }
    const isShedding = this.#isShedding
      ? nowMs - this.#lastLongMs <= intervalMs
      : this.#firstLongMs !== undefined && nowMs - this.#firstLongMs >= intervalMs
    if (isShedding === this.#isShedding) return
    this.#isShedding = isShedding
    this.#options.onChange(isShedding)
  }
}

function isLong (queue: Queue | undefined): boolean {
  return queue !== undefined && queue.waiting >= minQueueLength && queue.wait > maxQueueWaitMs
}
