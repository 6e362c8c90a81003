import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { startMetricsServer, urlOf } from '../telemetry/metrics-server.ts'
import { GatheredMetrics } from './gathered-metrics.ts'
import { onWorkerMessage, sendToWorker, slotVariable } from './messages.ts'
import { SharedCounts } from './shared-counts.ts'

interface PrimaryOptions {
  /** How many workers run. */
  workers: number
  host: string
  metricsPort: number | undefined
  log: Logger
}

/** The pause before another try to start a worker that did not start, in milliseconds. */
const retryPauseMs = 1_000
/** How long workers may take to stop, in milliseconds. A worker gives up by itself a little earlier. */
const stopTimeoutMs = 9_700

/**
 * Runs the service as several worker processes over one listener. A worker that ends is replaced. The primary
 * serves no requests. It holds the counts of the rate limits, and serves the metrics of all workers.
 */
export class Primary {
  readonly #options: PrimaryOptions
  readonly #counts = new SharedCounts()
  readonly #metrics = new GatheredMetrics()
  /** The worker of each slot. The number of a slot is the label `worker` in metrics. */
  readonly #workers = new Map<number, Worker>()
  /** Workers start one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  #isStopping = false

  constructor (options: PrimaryOptions) {
    this.#options = options
  }

  /**
   * Starts the workers, the first of them alone, since it migrates the database.
   * @returns whether the service listens. A worker that cannot start has said why on standard error.
   */
  async start (): Promise<boolean> {
    const { workers, host, metricsPort: port, log } = this.#options
    if (!await this.#startWorker(1)) return this.#isStopping
    for (let slot = 2; slot <= workers; slot++) this.#replace(slot, undefined)
    if (port !== undefined) {
      const server = await startMetricsServer({ host, port }, () => this.#metrics.render(running()))
      log.info(`Metrics served at ${urlOf(server)}/metrics`)
    }
    return true
  }

  /** Replaces the workers one by one. Each new worker listens before the old one stops. */
  restart (): void {
    const { log } = this.#options
    log.info('restarting the workers one by one')
    for (const slot of this.#workers.keys()) {
      this.#enqueue(async () => {
        const old = this.#workers.get(slot)
        if (!await this.#startWorker(slot)) log.error({ worker: slot }, 'the new worker did not start, and the old one stays')
        else if (old !== undefined) sendToWorker(old, { kind: 'retire' })
      })
    }
    this.#enqueue(async () => log.info('the workers were restarted'))
  }

  /**
   * Stops all workers.
   * @returns the exit status: 0 where all of them stopped by themselves and without a fault
   */
  async stop (): Promise<number> {
    this.#isStopping = true
    const workers = running()
    const timer = setTimeout(() => workers.forEach(worker => worker.process.kill('SIGKILL')), stopTimeoutMs)
    const ends = await Promise.all(workers.map(async worker => {
      const exited = once(worker, 'exit')
      worker.process.kill('SIGTERM')
      return exited
    }))
    clearTimeout(timer)
    // A worker that is still starting has no handler for SIGTERM yet.
    return ends.every(([status, signal]) => status === 0 || signal === 'SIGTERM') ? 0 : 1
  }

  /** Starts workers for a slot until one listens, unless another has taken the place of `ended` meanwhile. */
  #replace (slot: number, ended: Worker | undefined): void {
    this.#enqueue(async () => {
      while (!this.#isStopping && this.#workers.get(slot) === ended && !await this.#startWorker(slot)) await wait(retryPauseMs)
    })
  }

  #enqueue (task: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => { if (!this.#isStopping) await task() })
  }

  /** Starts a worker for a slot. Resolves with whether it listens. */
  async #startWorker (slot: number): Promise<boolean> {
    const worker = cluster.fork({ [slotVariable]: `${slot}` })
    this.#counts.serve(worker)
    this.#metrics.listenTo(worker)
    // Each worker answers a part of the readiness probes, and all of them need to know that there are probes.
    onWorkerMessage(worker, 'probe', probe => running().filter(other => other !== worker).forEach(other => sendToWorker(other, probe)))
    const exited = once(worker, 'exit')
    const isListening = await Promise.race([once(worker, 'listening').then(() => true), exited.then(() => false)])
    if (!isListening) return false
    this.#workers.set(slot, worker)
    exited.then(([status, signal]) => {
      if (this.#isStopping || this.#workers.get(slot) !== worker) return
      this.#options.log.error({ worker: slot, workerPid: worker.process.pid, status, signal }, 'a worker ended and is replaced')
      this.#replace(slot, worker)
    })
    return true
  }
}

function running (): Worker[] {
  return Object.values(cluster.workers ?? {}).flatMap(worker => worker === undefined || worker.isDead() ? [] : [worker])
}
