// The response cache. A response is made once for all requests of a turn of the event loop, and kept until the database changes.
// It suits routes whose response depends on the URL and the database alone, not on the user.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { isNotModified } from './conditional-request.ts'
import type { DatabaseHandle } from '../database/handle.ts'
import { SingleFlight } from '../database/single-flight.ts'
import { VersionedCache } from '../database/versioned-cache.ts'

export interface Answer {
  /** JSON, as bytes: they are neither counted nor encoded again. */
  body: Buffer
  headers: { etag: string, link?: string }
}

/**
 * The bound of one route; two routes make 16 MB. 900 pages of 50 articles fit, of 8,200 bytes each, or 9,000 single articles.
 * A bound by entries alone is none: clients choose the pages, and 400 large ones took 860 MB.
 */
const maxCacheBytes = 8 * 2 ** 20
/** The rest of an entry beside key, body and Link header. Measured on 2026-11-27: 580 bytes of heap with a small body. */
const entryOverheadBytes = 700
/** SQLite's queries block the event loop, so others get a turn after so many. */
const maxMadeTogether = 16

/** The answers of a route. */
export class Answers<Question> {
  readonly #database: DatabaseHandle
  readonly #make: (question: Question, url: string, user: string) => Promise<Answer>
  readonly #cache: VersionedCache<Answer>
  readonly #flights = new SingleFlight<Answer>(maxMadeTogether)

  /** @param make reads from the database what is asked for at an address, and makes the answer */
  constructor (database: DatabaseHandle, make: (question: Question, url: string, user: string) => Promise<Answer>) {
    this.#database = database
    this.#make = make
    this.#cache = new VersionedCache(database, maxCacheBytes, sizeOf)
  }

  /**
   * Answers; where the answer is kept, without a promise, which would cost as much again.
   * @param question what the address asks for, and nothing else of the request
   * @param user the user in whose name an expensive answer is made; nobody else then shares its making
   * @returns what the handler is to return: the body, where it can be, since Fastify waits for a reply, and that costs more
   */
  send (request: FastifyRequest, reply: FastifyReply, question: Question, user = ''): void | Promise<Buffer | FastifyReply> {
    const { url, dataVersion } = request
    const cached = this.#cache.get(url, dataVersion)
    // To return undefined would be to answer later.
    if (cached === undefined) {
      const made = this.#flights.run(`${user} ${url}`, () => this.#makeAndCache(question, url, user))
      return made.then(answer => prepare(request, reply, answer) ?? reply.send())
    }
    reply.send(prepare(request, reply, cached))
  }

  async #makeAndCache (question: Question, url: string, user: string): Promise<Answer> {
    // The work starts after the request's own data version was read. A write in between must not keep it from being cached.
    const version = this.#database.dataVersion()
    const answer = await this.#make(question, url, user)
    this.#cache.set(url, answer, version)
    return answer
  }
}

/** @returns the body; undefined for 304, of which the client has it */
function prepare (request: FastifyRequest, reply: FastifyReply, { body, headers }: Answer): Buffer | undefined {
  reply.headers(headers)
  // Here, and not in the hook, for which HEAD is left: to take Content-Type away again would be a tenth of the request.
  if (request.method === 'GET' && isNotModified(request, headers.etag)) {
    reply.code(304)
    return undefined
  }
  reply.type('application/json; charset=utf-8')
  return body
}

function sizeOf ({ body, headers: { link = '' } }: Answer): number {
  return entryOverheadBytes + body.length + link.length
}

/** An answer in JSON. */
export function jsonAnswer (text: string, headers: Answer['headers']): Answer {
  // Bytes of their own: a slice of Node's pool would keep the whole of that.
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  body.write(text)
  return { body, headers }
}
