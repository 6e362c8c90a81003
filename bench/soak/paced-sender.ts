import { setTimeout as wait } from 'node:timers/promises'
import type { SoakRequest, SoakResponse, Traffic } from './traffic.ts'

/** Sends the requests of one client, one after the other, with an interval between them. */
export class PacedSender {
  readonly name: string
  /** Becomes false when the client must stop. */
  isRunning = true
  readonly #traffic: Traffic
  readonly #intervalMs: number
  #nextAt = 0
  #count = 0

  constructor (name: string, traffic: Traffic, intervalMs: number) {
    this.name = name
    this.#traffic = traffic
    this.#intervalMs = intervalMs
  }

  async send (request: SoakRequest): Promise<SoakResponse | undefined> {
    const now = performance.now()
    this.#nextAt = Math.max(now, this.#nextAt + this.#intervalMs)
    if (this.#nextAt > now) await wait(this.#nextAt - now)
    return this.#traffic.send(request)
  }

  /** Reports a failure unless the condition holds. */
  check (condition: boolean, failure: string, { requestId, body }: SoakResponse): void {
    if (!condition) this.#traffic.fail(`${this.name}: ${failure}; the response was ${JSON.stringify(body).slice(0, 300)}`, requestId)
  }

  /** A unique name. */
  nextName (): string {
    return `${this.name}-${++this.#count}`
  }
}
