// Sends requests at a fixed rate, as many independent clients do. In contrast, wrk never sends more than the
// server can answer, because it waits for each response. A response time starts when the request was due, so
// it includes the wait for a connection. The load runs in a worker thread, so that it is on time.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export interface OpenLoad {
  port: number
  perSecond: number
  seconds: number
  /** Connections are opened before the clock starts, because load balancers keep theirs open. */
  connections: number
  /** The bytes of the requests, used in turn. */
  requests: string[]
  /** The index of the first request. */
  firstRequest?: number
}

export interface OpenLoadReport {
  /** Requests that were due. */
  due: number
  /** Connections that are still open. */
  connections: number
  /** Responses by status. */
  statuses: Record<string, number>
  /** The three times of 2xx and 3xx responses start when the request was due. */
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** The time since the request was sent, without the wait for a connection. */
  sentP99Ms: number
  /** The same without the first second, in which the server notices the overload. */
  settledP99Ms: number
  /** The time of 503 responses. */
  shedP99Ms: number
}

interface Connection {
  socket: Socket
  dueAt: number
  sentAt: number
  /** The status of the response that is arriving, and the bytes that are missing. */
  status: string
  missingBytes: number
}

const maxWaitMs = 5_000

/** Sends the load, and waits at most 5 seconds for the last responses. */
export async function runOpenLoad (load: OpenLoad): Promise<OpenLoadReport> {
  const worker = new Worker(new URL(import.meta.url), { workerData: load })
  return await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

class OpenLoop {
  readonly #load: OpenLoad
  readonly #idle: Connection[] = []
  /** The due times of the requests that wait for a connection. */
  readonly #waiting: number[] = []
  #nextWaiting = 0
  readonly #samplesMs = { good: Array.from<number>([]), sent: Array.from<number>([]), settled: Array.from<number>([]), shed: Array.from<number>([]) }
  readonly #statuses: Record<string, number> = {}
  #due = 0
  #sent: number
  #answered = 0
  #open = 0
  #startedAt = Infinity

  constructor (load: OpenLoad) {
    this.#load = load
    this.#sent = load.firstRequest ?? 0
  }

  async run (): Promise<OpenLoadReport> {
    const { connections, perSecond, seconds } = this.#load
    for (let n = 0; n < connections; n++) await this.#connect()
    await new Promise(resolve => setTimeout(resolve, 500))
    this.#startedAt = performance.now()
    const endMs = seconds * 1000
    for (let nowMs = 0; nowMs < endMs || (this.#answered < this.#due && nowMs < endMs + maxWaitMs); nowMs = performance.now() - this.#startedAt) {
      for (const target = Math.min(nowMs, endMs) * perSecond / 1000; this.#due < target; this.#due++) {
        this.#sendOrWait(this.#startedAt + this.#due * 1000 / perSecond)
      }
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    return this.#report()
  }

  async #connect (): Promise<void> {
    const connection: Connection = { socket: connect(this.#load.port, '127.0.0.1'), dueAt: 0, sentAt: 0, status: '', missingBytes: 0 }
    await once(connection.socket, 'connect')
    this.#open++
    this.#idle.push(connection)
    connection.socket.setNoDelay()
      .on('data', bytes => this.#read(connection, bytes))
      .once('error', () => this.#count('error', 0, 0))
      .once('close', () => { this.#open-- })
  }

  #sendOrWait (dueAt: number): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) this.#send(connection, dueAt)
    else this.#waiting.push(dueAt)
  }

  #send (connection: Connection, dueAt: number): void {
    const { requests } = this.#load
    connection.dueAt = dueAt
    connection.sentAt = performance.now()
    connection.socket.write(requests[this.#sent++ % requests.length] ?? '')
  }

  #read (connection: Connection, bytes: Buffer): void {
    if (connection.missingBytes === 0) {
      // The servers send a head in one piece. A real parser would take as much time as the server needs.
      const head = bytes.toString('latin1', 0, bytes.indexOf('\r\n\r\n') + 4)
      connection.status = head.slice(9, 12)
      connection.missingBytes = head.length + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    }
    connection.missingBytes -= bytes.length
    if (connection.missingBytes > 0) return
    this.#count(connection.status, performance.now() - connection.dueAt, performance.now() - connection.sentAt)
    if (this.#nextWaiting < this.#waiting.length) this.#send(connection, this.#waiting[this.#nextWaiting++] ?? 0)
    else this.#idle.push(connection)
  }

  #count (status: string, sinceDueMs: number, sinceSentMs: number): void {
    this.#answered++
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
    if (/^[23]/.test(status)) {
      this.#samplesMs.good.push(sinceDueMs)
      this.#samplesMs.sent.push(sinceSentMs)
      if (performance.now() - sinceSentMs > this.#startedAt + 1_000) this.#samplesMs.settled.push(sinceSentMs)
    }
    if (status === '503') this.#samplesMs.shed.push(sinceDueMs)
  }

  #report (): OpenLoadReport {
    const { good, sent, settled, shed } = this.#samplesMs
    return {
      due: this.#due,
      connections: this.#open,
      statuses: this.#statuses,
      p50Ms: quantile(good, 0.5),
      p99Ms: quantile(good, 0.99),
      maxMs: quantile(good, 1),
      sentP99Ms: quantile(sent, 0.99),
      settledP99Ms: quantile(settled, 0.99),
      shedP99Ms: quantile(shed, 0.99)
    }
  }
}

function quantile (values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN
}

if (parentPort !== null) {
  parentPort.postMessage(await new OpenLoop(workerData).run())
  process.exit()
}
