import type { Worker } from 'node:cluster'
import { AggregatorRegistry } from 'prom-client'
import type { MetricsPage } from '../telemetry/metrics-server.ts'
import { onWorkerMessage, sendToWorker, type WorkerMetrics } from './messages.ts'

/** How long a worker may take to answer, in milliseconds. The scrape goes on without its metrics then. */
const timeoutMs = 2_000

/** The metrics of all workers as one text. The label `worker` tells them apart. */
export class GatheredMetrics {
  readonly #waiting = new Map<number, (metrics: WorkerMetrics) => void>()
  #lastId = 0

  /** Takes the answers of a worker. */
  listenTo (worker: Worker): void {
    onWorkerMessage(worker, 'measured', ({ id, metrics }) => this.#waiting.get(id)?.(metrics))
  }

  async render (workers: Worker[]): Promise<MetricsPage> {
    const answers = await Promise.all(workers.filter(worker => worker.isConnected()).map(worker => this.#ask(worker)))
    // Labels differ by worker, so each value is the first and only one with its labels. By default
    // prom-client leaves some metrics out.
    const registry = AggregatorRegistry.aggregate(answers.map(metrics => metrics.map(metric => ({ ...metric, aggregator: 'first' }))))
    return { contentType: registry.contentType, text: await registry.metrics() }
  }

  async #ask (worker: Worker): Promise<WorkerMetrics> {
    const id = ++this.#lastId
    const { promise, resolve } = Promise.withResolvers<WorkerMetrics>()
    this.#waiting.set(id, resolve)
    const timer = setTimeout(() => resolve([]), timeoutMs)
    sendToWorker(worker, { kind: 'metrics', id })
    return promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(id)
    })
  }
}
