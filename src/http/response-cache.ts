// The response cache. A response is made once for all requests of a turn of the event loop, and kept until the database changes.
// It suits routes whose response depends on the URL and the database alone, not on the user.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { isNotModified } from './conditional-request.ts'
import { GatheredReads } from '../database/batch-loader.ts'
import { changeMark } from '../database/open.ts'
import { ReadCache } from '../database/versioned-cache.ts'
import type { Database } from '../database/tables.ts'

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
  readonly #kept: ReadCache<Answer>
  readonly #made: GatheredReads<{ question: Question, url: string, user: string }, Answer>

  /** @param make reads from the database what is asked for at an address, and makes the answer */
  constructor (db: Database, make: (question: Question, url: string, user: string) => Promise<Answer>) {
    this.#kept = new ReadCache(db, maxCacheBytes, sizeOf)
    this.#made = new GatheredReads(() => async ({ question, url, user }) => {
      const mark = changeMark(db)
      const answer = await make(question, url, user)
      this.#kept.set(url, answer, mark)
      return answer
    }, maxMadeTogether)
  }

  /**
   * Answers; where the answer is kept, without a promise, which would cost as much again.
   * @param question what the address asks for, and nothing else of the request
   * @param user the user in whose name an expensive answer is made; nobody else then shares its making
   * @returns what the handler is to return: the body, where it can be, since Fastify waits for a reply, and that costs more
   */
  send (request: FastifyRequest, reply: FastifyReply, question: Question, user = ''): void | Promise<Buffer | FastifyReply> {
    const { url, changeMark: mark } = request
    const kept = this.#kept.get(url, mark)
    // To return undefined would be to answer later.
    if (kept === undefined) return this.#made.ask(`${user} ${url}`, { question, url, user }).then(answer => prepare(request, reply, answer) ?? reply.send())
    reply.send(prepare(request, reply, kept))
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
