import { freePort } from '../../test/support/embedded-postgres.ts'
import { memory, startServer, stopServer, type Server } from '../server.ts'
import type { Sample } from './memory.ts'

interface ReplicaOptions {
  name: string
  folder: string
  environment: Record<string, string>
}

interface Life {
  begun: number
  samples: Sample[]
  /** Of the process at its largest, in megabytes. */
  peak: number
  /** Key fetches by outcome, as its metrics last told. */
  fetches: Map<string, number>
  /** Seconds since the keys were fetched. */
  keysAge: number
}

/** A process of the service that can be restarted, at the same address and with the same log. */
export class Replica {
  readonly name: string
  readonly url: string
  readonly lives: Life[] = []
  readonly log: string
  readonly #options: ReplicaOptions
  #server: Server

  private constructor (options: ReplicaOptions, server: Server) {
    this.name = options.name
    this.url = `http://127.0.0.1:${server.port}`
    this.log = server.log
    this.#options = options
    this.#server = server
    this.#begin()
  }

  static async start ({ name, folder, environment }: ReplicaOptions): Promise<Replica> {
    const options = { name, folder, environment: { ...environment, METRICS_PORT: `${await freePort()}`, PORT: `${await freePort()}` } }
    return new Replica(options, await startServer(name, 'src/server.ts', folder, options.environment))
  }

  /** The process at hand. */
  get life (): Life {
    const life = this.lives.at(-1)
    if (life === undefined) throw new Error('a replica begins with a life')
    return life
  }

  /** Whether it ended although nobody ended it. */
  get isGone (): boolean {
    return this.#server.child.exitCode !== null || this.#server.child.signalCode !== null
  }

  /** Ends the process and starts another, without warning or else gracefully. */
  async restart (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.readMetrics()
    await this.stop(signal)
    this.#server = await startServer(this.name, 'src/server.ts', this.#options.folder, this.#options.environment)
    this.#begin()
  }

  /** @throws {Error} where it does not end as it has to */
  async stop (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { child } = this.#server
    const begun = performance.now()
    await stopServer(this.#server, signal)
    const seconds = (performance.now() - begun) / 1000
    if (signal === 'SIGTERM' && (child.exitCode !== 0 || seconds > 10)) {
      throw new Error(`${this.name} ended with status ${child.exitCode} after ${seconds.toFixed(1)} s at SIGTERM; 0 within 10 s was due`)
    }
  }

  sampleMemory (): void {
    if (this.isGone) return
    const { now, peak } = memory(this.#server)
    if (Number.isNaN(now)) return
    this.life.samples.push({ at: (performance.now() - this.life.begun) / 1000, held: now })
    this.life.peak = peak
  }

  async readMetrics (): Promise<void> {
    const life = this.life
    try {
      const text = await (await fetch(`http://127.0.0.1:${this.#options.environment.METRICS_PORT}/metrics`, { signal: AbortSignal.timeout(2_000) })).text()
      for (const [, outcome = '', count] of text.matchAll(/^cognito_key_fetches_total\{.*outcome="(\w+)".*\} (\d+)$/gm)) life.fetches.set(outcome, Number(count))
      life.keysAge = Number(/^cognito_keys_age_seconds\{.*\} ([\d.]+)$/m.exec(text)?.[1] ?? NaN)
    } catch {
      // It is being restarted; what it told before stands.
    }
  }

  #begin (): void {
    this.lives.push({ begun: performance.now(), samples: [], peak: NaN, fetches: new Map(), keysAge: NaN })
  }
}
