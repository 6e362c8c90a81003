import cluster, { type Worker } from 'node:cluster'
import type { Registry } from 'prom-client'

export type WorkerMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The variable that tells a worker the number of its slot. */
export const slotVariable = 'ARTICLES_WORKER'

/** A message between the primary and a worker. A message with an `id` is a request, or the reply to it. */
export type Message =
  /** Worker to primary: counts a request for a key of a rate limiter, or reads the count. */
  | { kind: 'count', id: number, limiter: number, key: string, windowMs: number, increments: boolean }
  | { kind: 'counted', id: number, current: number, ttl: number }
  /** Primary to worker: asks for metrics. */
  | { kind: 'metrics', id: number }
  | { kind: 'measured', id: number, metrics: WorkerMetrics }
  /** Either way: readiness was asked for. */
  | { kind: 'probe' }
  /** Primary to worker: another worker has taken this one's place. */
  | { kind: 'retire' }

type Listen<Kind> = (message: Extract<Message, { kind: Kind }>) => void

/** Calls `listen` with each message of a kind that a worker sends. */
export function onWorkerMessage<Kind extends Message['kind']> (worker: Worker, kind: Kind, listen: Listen<Kind>): void {
  worker.on('message', (message: unknown) => { if (isOfKind(message, kind)) listen(message) })
}

/**
 * Calls `listen` with each message of a kind that the primary sends. There are none where this process is no
 * worker.
 */
export function onPrimaryMessage<Kind extends Message['kind']> (kind: Kind, listen: Listen<Kind>): void {
  if (cluster.isWorker) process.on('message', message => { if (isOfKind(message, kind)) listen(message) })
}

/** Sends a message to the primary. Does nothing where this process is no worker. */
export function sendToPrimary (message: Message): void {
  if (cluster.isWorker) process.send?.(message, undefined, undefined, ignore)
}

/** Sends a message to a worker. Does nothing where the worker has ended. */
export function sendToWorker (worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, ignore)
}

// Without a callback, a message to a process that has just ended would be an `error` event, and the error
// would crash the sender.
function ignore (): void {}

// Both ends run the same code. Node's own messages have no `kind`.
function isOfKind<Kind extends Message['kind']> (message: unknown, kind: Kind): message is Extract<Message, { kind: Kind }> {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
}
