// pino's own destination makes a buffer of each write, which only a full collection of garbage frees: 60 MB under load. And a
// write a line would be a tenth of a short request.

import { writeSync } from 'node:fs'

/** How long there is a wait for a pipe that is full, and how often it is tried, in milliseconds. */
const patience = 1_000
const pause = 5

/** Writes lines to a file descriptor, those of one turn of the event loop together. Where they cannot be written, they are lost, and nothing else is. */
export class LogStream {
  readonly #descriptor: number
  #lines = ''
  /** Whether the last wait was in vain: there is no other before something could be written again. */
  #stalled = false

  constructor (descriptor: number) {
    this.#descriptor = descriptor
  }

  write (line: string): void {
    if (this.#lines === '') setImmediate(() => this.flush())
    this.#lines += line
  }

  /** Writes what has not been written yet; to be called before the process ends. */
  flush (): void {
    let rest: string | Buffer = this.#lines
    this.#lines = ''
    const deadline = performance.now() + (this.#stalled ? 0 : patience)
    while (rest.length > 0) {
      try {
        const written: number = typeof rest === 'string' ? writeSync(this.#descriptor, rest) : writeSync(this.#descriptor, rest)
        rest = written < Buffer.byteLength(rest) ? Buffer.from(rest).subarray(written) : ''
        this.#stalled = false
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
        this.#stalled = isFull && performance.now() >= deadline
        if (!isFull || this.#stalled) return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
      }
    }
  }
}
