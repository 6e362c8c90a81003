import { setTimeout as wait } from 'node:timers/promises'
import type { Answer, Ask, Traffic } from './traffic.ts'

/** Sends the requests of one client at its pace, one after the other. */
export class Caller {
  readonly name: string
  /** Whether there is more to ask; false once the client is to stop. */
  isGoing = true
  readonly #traffic: Traffic
  /** Milliseconds between two requests. */
  readonly #pace: number
  #next = 0
  #count = 0

  constructor (name: string, traffic: Traffic, pace: number) {
    this.name = name
    this.#traffic = traffic
    this.#pace = pace
  }

  async ask (ask: Ask): Promise<Answer | undefined> {
    const now = performance.now()
    this.#next = Math.max(now, this.#next + this.#pace)
    if (this.#next > now) await wait(this.#next - now)
    return this.#traffic.ask(ask)
  }

  check (holds: boolean, what: string, { requestId, body }: Answer): void {
    if (!holds) this.#traffic.fail(`${this.name}: ${what}; the answer was ${JSON.stringify(body).slice(0, 300)}`, requestId)
  }

  /** A name that nothing else has. */
  nextName (): string {
    return `${this.name}-${++this.#count}`
  }
}
