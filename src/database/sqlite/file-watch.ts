import type { FastifyBaseLogger } from 'fastify'
import type { DatabaseHandle } from '../handle.ts'

const checkIntervalMs = 1_000

/**
 * Checks once a second whether the open SQLite file is still in place. After it was deleted, moved or
 * replaced, the file at its path is opened as soon as there is one.
 */
export class FileWatch {
  readonly #database: DatabaseHandle
  readonly #migrate: () => Promise<unknown>
  readonly #log: FastifyBaseLogger
  readonly #timer: NodeJS.Timeout
  #check: Promise<void> | undefined
  #lastReason = ''

  /** @param migrate migrates the file at the path before it is used */
  constructor (database: DatabaseHandle, migrate: () => Promise<unknown>, log: FastifyBaseLogger) {
    this.#database = database
    this.#migrate = migrate
    this.#log = log
    this.#timer = setInterval(() => { this.#check ??= this.#checkFile().finally(() => { this.#check = undefined }) }, checkIntervalMs)
    this.#timer.unref()
  }

  async stop (): Promise<void> {
    clearInterval(this.#timer)
    await this.#check
  }

  /** Logs each reason once, not once a second. */
  async #checkFile (): Promise<void> {
    try {
      if (await this.#database.replaceFile(this.#migrate)) this.#log.warn('the database file was replaced and opened again')
      this.#lastReason = ''
    } catch (error) {
      const reason = String(error)
      if (reason !== this.#lastReason) {
        this.#log.error({ err: error }, 'the database file is unusable; every request is rejected until a usable file is in its place')
      }
      this.#lastReason = reason
    }
  }
}
