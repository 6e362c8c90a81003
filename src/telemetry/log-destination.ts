// pino's own destination allocates a buffer for each write, and only a full garbage collection frees these
// buffers: 60 MB under load. One write per line would take a tenth of the time of a short request.

import { writeSync } from 'node:fs'

/** Time to wait for space in a full pipe. The event loop is blocked meanwhile. */
const maxWaitMs = 1_000
const retryIntervalMs = 5

/**
 * Writes log lines to a file descriptor. All lines of one turn of the event loop are written together. Lines
 * that cannot be written are lost, without an error.
 */
export class LogDestination {
  readonly #descriptor: number
  #lines = ''
  /** Whether the last wait failed. The next write does not wait then. */
  #isStalled = false

  constructor (descriptor: number) {
    this.#descriptor = descriptor
  }

  write (line: string): void {
    if (this.#lines === '') setImmediate(() => this.flush())
    this.#lines += line
  }

  /** Writes all buffered lines. Call it before the process ends. */
  flush (): void {
    let rest: string | Buffer = this.#lines
    this.#lines = ''
    const deadline = performance.now() + (this.#isStalled ? 0 : maxWaitMs)
    while (rest.length > 0) {
      try {
        const written: number = typeof rest === 'string' ? writeSync(this.#descriptor, rest) : writeSync(this.#descriptor, rest)
        rest = written < Buffer.byteLength(rest) ? Buffer.from(rest).subarray(written) : ''
        this.#isStalled = false
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
        this.#isStalled = isFull && performance.now() >= deadline
        if (!isFull || this.#isStalled) return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryIntervalMs)
      }
    }
  }
}
