// Requests at a fixed rate, whether or not those before have been answered, as many independent clients send them. wrk waits for
// an answer before it asks again, so it never asks for more than there is. A time is from the moment at which the request was
// due, and so counts the wait for a connection where all are taken. Runs as a worker: the one who measures is not to be late.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export interface OpenLoad {
  port: number
  /** Requests a second. */
  rate: number
  seconds: number
  /** Connections, opened before the clock runs: Node accepts one a turn, and load balancers keep them. */
  connections: number
  /** Requests as they are sent, used in turn. */
  requests: string[]
  /** Which of them is sent first. */
  from?: number
}

export interface OpenReport {
  /** Requests that were due. */
  due: number
  connections: number
  /** Answers by status. */
  statuses: Record<string, number>
  /** Milliseconds of the answers that are 2xx or 3xx. */
  p50: number
  p99: number
  max: number
  /** The same from the moment at which they were sent, and so without the wait for a connection. */
  sentP99: number
  /** Of those, the ones sent after the first second, in which overload has yet to be noticed. */
  settledP99: number
  /** Milliseconds of 503. */
  shedP99: number
}

/** Sends the load from a thread of its own, and waits at most 5 seconds for the last answers. */
export async function openLoad (load: OpenLoad): Promise<OpenReport> {
  const worker = new Worker(new URL(import.meta.url), { workerData: load })
  return await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

interface Connection {
  socket: Socket
  due: number
  sent: number
  /** The status of the answer that is arriving, and how many bytes of it are to come. */
  status: string
  left: number
}

async function run ({ port, rate, seconds, connections: most, requests, from = 0 }: OpenLoad): Promise<OpenReport> {
  const idle: Connection[] = []
  const waiting: number[] = []
  const times = { good: Array.from<number>([]), sent: Array.from<number>([]), settled: Array.from<number>([]), shed: Array.from<number>([]) }
  const statuses: Record<string, number> = {}
  let [due, sent, answered, open] = [0, from, 0, 0]
  let next = 0
  let begun = Infinity

  function ask (connection: Connection, at: number): void {
    connection.due = at
    connection.sent = performance.now()
    connection.socket.write(requests[sent++ % requests.length] ?? '')
  }

  async function add (): Promise<void> {
    const connection: Connection = { socket: connect(port, '127.0.0.1'), due: 0, sent: 0, status: '', left: 0 }
    await once(connection.socket, 'connect')
    open++
    idle.push(connection)
    connection.socket.setNoDelay().on('data', bytes => {
      if (connection.left === 0) {
        // A head comes in one piece. The one who measures has as many answers to read as the service has to write.
        const head = bytes.toString('latin1', 0, bytes.indexOf('\r\n\r\n') + 4)
        connection.status = head.slice(9, 12)
        connection.left = head.length + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      }
      connection.left -= bytes.length
      if (connection.left > 0) return
      answer(connection.status, performance.now() - connection.due, performance.now() - connection.sent)
      if (next < waiting.length) ask(connection, waiting[next++] ?? 0)
      else idle.push(connection)
    })
    connection.socket.once('error', () => answer('error', 0, 0)).once('close', () => { open-- })
  }

  function answer (status: string, ms: number, sinceSent: number): void {
    answered++
    statuses[status] = (statuses[status] ?? 0) + 1
    if (/^[23]/.test(status)) {
      times.good.push(ms)
      times.sent.push(sinceSent)
      if (performance.now() - sinceSent > begun + 1_000) times.settled.push(sinceSent)
    }
    if (status === '503') times.shed.push(ms)
  }

  for (let n = 0; n < most; n++) await add()
  await new Promise(resolve => setTimeout(resolve, 500))
  begun = performance.now()
  const end = seconds * 1000
  for (let now = 0; now < end || (answered < due && now < end + 5_000); now = performance.now() - begun) {
    for (const ready = Math.min(now, end) * rate / 1000; due < ready; due++) {
      const at = begun + due * 1000 / rate
      const connection = idle.pop()
      if (connection !== undefined) ask(connection, at)
      else waiting.push(at)
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  for (const list of Object.values(times)) list.sort((a, b) => a - b)
  const of = (values: number[], share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN
  return { due, connections: open, statuses, p50: of(times.good, 0.5), p99: of(times.good, 0.99), max: of(times.good, 1), sentP99: of(times.sent, 0.99), settledP99: of(times.settled, 0.99), shedP99: of(times.shed, 0.99) }
}

if (parentPort !== null) {
  parentPort.postMessage(await run(workerData))
  process.exit()
}
