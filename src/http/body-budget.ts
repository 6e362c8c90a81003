import type { IncomingMessage, ServerResponse } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import { type Problem, temporaryProblem } from '../problems/catalogue.ts'

interface BodyBudgetOptions {
  /** The limit for the bodies of one user, or of one address. */
  maxOwnerBytes: number
  /** The limit for all bodies together. */
  maxBytes: number
}

/** The unfinished bodies of one owner, the oldest first. */
interface Share {
  owner: string
  bytes: number
  bodies: Set<ArrivingBody>
}

/** The memory of an unfinished request without its body: its objects, and the buffers of its connection. */
const overheadBytes = 8 * 1024

const tooManyUnfinished = 'Too many requests with unfinished bodies are in progress. Send the whole body at once, and try again.'

/**
 * Limits the memory of request bodies that are still arriving. A body counts with its full length from the
 * start. At a limit the oldest body is rejected, never the new one. A client that sends its body at once is
 * not affected.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions
  readonly #shares = new Map<string, Share>()
  #bytes = 0

  constructor (options: BodyBudgetOptions) {
    this.#options = options
  }

  /** Returns the body of a request as a stream. The body counts for the owner until the stream closes. */
  receive (owner: string, request: IncomingMessage, response: ServerResponse, maxBytes: number): ArrivingBody {
    const share = this.#shares.get(owner) ?? { owner, bytes: 0, bodies: new Set() }
    const body = new ArrivingBody(maxBytes)
    this.#add(share, body)
    body.once('close', () => this.#remove(share, body))
    request.once('error', error => body.destroy(error))
    response.once('close', () => body.destroy())
    request.pipe(body)
    return body
  }

  #add (share: Share, body: ArrivingBody): void {
    const bytes = body.maxBytes + overheadBytes
    while (share.bodies.size > 0 && share.bytes + bytes > this.#options.maxOwnerBytes) {
      this.#rejectOldest(share, temporaryProblem('rate_limited', tooManyUnfinished))
    }
    while (this.#shares.size > 0 && this.#bytes + bytes > this.#options.maxBytes) {
      this.#rejectOldest(this.#largestShare(), temporaryProblem('overloaded', tooManyUnfinished))
    }
    this.#shares.set(share.owner, share)
    share.bodies.add(body)
    share.bytes += bytes
    this.#bytes += bytes
  }

  #rejectOldest (share: Share, problem: Problem): void {
    const [oldest] = share.bodies
    if (oldest === undefined) return
    this.#remove(share, oldest)
    oldest.destroy(problem)
  }

  #remove (share: Share, body: ArrivingBody): void {
    if (!share.bodies.delete(body)) return
    share.bytes -= body.maxBytes + overheadBytes
    this.#bytes -= body.maxBytes + overheadBytes
    if (share.bodies.size === 0) this.#shares.delete(share.owner)
  }

  #largestShare (): Share {
    return Array.from(this.#shares.values()).reduce((largest, share) => share.bytes > largest.bytes ? share : largest)
  }
}

/**
 * Collects a body in one buffer, and emits it in one piece. A body that arrives byte by byte would otherwise
 * take about 100 bytes of memory for each byte.
 */
class ArrivingBody extends Transform {
  readonly maxBytes: number
  readonly #buffer: Buffer
  #length = 0

  constructor (maxBytes: number) {
    super()
    this.maxBytes = maxBytes
    this.#buffer = Buffer.allocUnsafeSlow(maxBytes)
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const isTooLarge = this.#length + chunk.length > this.maxBytes
    // Fastify rejects the body when it reads the excess.
    if (isTooLarge) this.#emitBuffer()
    else this.#length += chunk.copy(this.#buffer, this.#length)
    callback(null, isTooLarge ? chunk : undefined)
  }

  override _flush (callback: TransformCallback): void {
    this.#emitBuffer()
    callback()
  }

  #emitBuffer (): void {
    if (this.#length > 0) this.push(this.#buffer.subarray(0, this.#length))
    this.#length = 0
  }
}
