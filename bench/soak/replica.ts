import { freePort } from '../../test/support/embedded-postgres.ts'
import { readMemory, startServer, stopServer, type Server } from '../server.ts'
import type { Sample } from './memory.ts'

interface ReplicaOptions {
  name: string
  folder: string
  environment: Record<string, string>
}

/** One process of a replica, from its start to its end. */
interface Run {
  startedAt: number
  samples: Sample[]
  peakMb: number
  /** Key fetches by outcome, from the last scrape of its metrics. */
  fetches: Map<string, number>
  /** The age of the keys, from the last scrape. */
  keysAgeSeconds: number
}

/** A process of the service that can be restarted at the same address, with the same log. */
export class Replica {
  readonly name: string
  readonly url: string
  /** The last one is running. */
  readonly runs: Run[] = []
  readonly logPath: string
  readonly #options: ReplicaOptions
  #server: Server

  private constructor (options: ReplicaOptions, server: Server) {
    this.name = options.name
    this.url = `http://127.0.0.1:${server.port}`
    this.logPath = server.logPath
    this.#options = options
    this.#server = server
    this.#addRun()
  }

  static async start ({ name, folder, environment }: ReplicaOptions): Promise<Replica> {
    const options = { name, folder, environment: { ...environment, METRICS_PORT: `${await freePort()}`, PORT: `${await freePort()}` } }
    return new Replica(options, await startServer(name, 'src/server.ts', folder, options.environment))
  }

  /** The current process. */
  get run (): Run {
    const run = this.runs.at(-1)
    if (run === undefined) throw new Error('a replica starts with a process')
    return run
  }

  /** Whether the process has ended. */
  get hasEnded (): boolean {
    return this.#server.child.exitCode !== null || this.#server.child.signalCode !== null
  }

  /** Stops the process and starts another one. */
  async restart (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.readMetrics()
    await this.stop(signal)
    this.#server = await startServer(this.name, 'src/server.ts', this.#options.folder, this.#options.environment)
    this.#addRun()
  }

  /** @throws {Error} when SIGTERM does not end the process with status 0 within 10 s */
  async stop (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { child } = this.#server
    const startedAt = performance.now()
    await stopServer(this.#server, signal)
    const seconds = (performance.now() - startedAt) / 1000
    if (signal === 'SIGTERM' && (child.exitCode !== 0 || seconds > 10)) {
      throw new Error(`${this.name} ended with status ${child.exitCode} ${seconds.toFixed(1)} s after SIGTERM; expected 0 within 10 s`)
    }
  }

  sampleMemory (): void {
    if (this.hasEnded) return
    const { nowMb, peakMb } = readMemory(this.#server)
    if (Number.isNaN(nowMb)) return
    this.run.samples.push({ atSeconds: (performance.now() - this.run.startedAt) / 1000, usedMb: nowMb })
    this.run.peakMb = peakMb
  }

  async readMetrics (): Promise<void> {
    const run = this.run
    try {
      const text = await (await fetch(`http://127.0.0.1:${this.#options.environment.METRICS_PORT}/metrics`, { signal: AbortSignal.timeout(2_000) })).text()
      for (const [, outcome = '', count] of text.matchAll(/^cognito_key_fetches_total\{.*outcome="(\w+)".*\} (\d+)$/gm)) run.fetches.set(outcome, Number(count))
      run.keysAgeSeconds = Number(/^cognito_keys_age_seconds\{.*\} ([\d.]+)$/m.exec(text)?.[1] ?? NaN)
    } catch {
      // The process is restarting. The last values stay.
    }
  }

  #addRun (): void {
    this.runs.push({ startedAt: performance.now(), samples: [], peakMb: NaN, fetches: new Map(), keysAgeSeconds: NaN })
  }
}
