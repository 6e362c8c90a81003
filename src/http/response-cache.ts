import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { changeMark } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { ReadCache } from '../database/versioned-cache.ts'
import { emptyBody, setNotModified } from './conditional-request.ts'
import type { JsonResponse } from './json-response.ts'

interface PendingLoad {
  url: string
  load: () => Promise<JsonResponse>
  promise: Promise<JsonResponse>
  resolve: (response: Promise<JsonResponse>) => void
}

/**
 * The limit for one route. It holds 900 pages of 50 articles (8,200 bytes each), or 9,000 single articles.
 * A limit on the number of entries would not bound the memory: 400 large pages took 860 MB.
 */
const maxCacheBytes = 8 * 2 ** 20
/** An entry without its key, body and Link header. Measured on 2026-11-27: 580 bytes of heap with a small body. */
const entryOverheadBytes = 700
/** SQLite's queries block the event loop, so other work gets a turn after this number of loads. */
const maxLoadsPerTurn = 16

/**
 * Caches the responses of a route by URL, until anything in the database changes.
 * It suits routes whose response depends on the URL and the database alone, never on the user.
 */
export class ResponseCache {
  readonly #db: Database
  readonly #responses: ReadCache<JsonResponse>
  /** The loads that requests of this turn of the event loop need. They start in the next turn. */
  #pending = new Map<string, PendingLoad>()

  constructor (db: Database) {
    this.#db = db
    this.#responses = new ReadCache(db, maxCacheBytes, sizeOf)
  }

  /**
   * Sends the cached response of the request's URL, or loads it. A handler returns the result.
   * A cached response is sent without a promise, which would double its cost.
   * @param load reads the database and builds the response
   * @param user the user whose quota the load uses, where it is expensive. Users then share no load.
   */
  send (request: FastifyRequest, reply: FastifyReply, load: () => Promise<JsonResponse>, user = ''): void | Promise<Buffer | FastifyReply> {
    const { url, changeMark: mark } = request
    const cached = this.#responses.get(url, mark)
    if (cached === undefined) {
      return this.#load(`${user} ${url}`, url, load).then(response => selectBody(request, reply, response) ?? reply.send(emptyBody(request)))
    }
    reply.send(selectBody(request, reply, cached) ?? emptyBody(request))
  }

  /** Loads a response once for all requests of a turn. The load starts after all of them, so none gets an older state. */
  #load (key: string, url: string, load: PendingLoad['load']): Promise<JsonResponse> {
    if (this.#pending.size === 0) setImmediate(() => this.#startLoads())
    const pending = this.#pending.get(key) ?? { url, load, ...Promise.withResolvers<JsonResponse>() }
    this.#pending.set(key, pending)
    return pending.promise
  }

  async #startLoads (): Promise<void> {
    const loads = Array.from(this.#pending.values())
    this.#pending = new Map()
    for (const [index, { url, load, resolve }] of loads.entries()) {
      if (index > 0 && index % maxLoadsPerTurn === 0) await nextTurn()
      resolve(this.#loadAndStore(url, load))
    }
  }

  async #loadAndStore (url: string, load: PendingLoad['load']): Promise<JsonResponse> {
    const mark = changeMark(this.#db)
    const response = await load()
    this.#responses.set(url, response, mark)
    return response
  }
}

/** Sets the headers. Returns the body, or undefined for 304. */
function selectBody (request: FastifyRequest, reply: FastifyReply, { body, headers: { etag, link } }: JsonResponse): Buffer | undefined {
  if (link !== undefined) reply.header('link', link)
  if (setNotModified(request, reply, etag)) return undefined
  reply.type('application/json; charset=utf-8')
  return body
}

function sizeOf ({ body, headers: { link = '' } }: JsonResponse): number {
  return entryOverheadBytes + body.length + link.length
}
