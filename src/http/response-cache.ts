import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DatabaseHandle } from '../database/handle.ts'
import { SingleFlight } from '../database/single-flight.ts'
import { VersionedCache } from '../database/versioned-cache.ts'
import { emptyBody, setNotModified } from './conditional-request.ts'
import type { JsonResponse } from './json-response.ts'

/**
 * The limit for one route. It holds 900 pages of 50 articles (8,200 bytes each), or 9,000 single articles.
 * A limit on the number of entries would not bound the memory: 400 large pages took 860 MB.
 */
const maxCacheBytes = 8 * 2 ** 20
/**
 * An entry without its key, body and Link header. Measured on 2026-11-27: 580 bytes of heap with a small
 * body.
 */
const entryOverheadBytes = 700
/** SQLite's queries block the event loop, so other work gets a turn after this number of loads. */
const maxLoadsPerTurn = 16

/**
 * Caches the responses of a route by URL, until anything in the database changes.
 * It suits routes whose response depends on the URL and the database alone, never on the user.
 */
export class ResponseCache {
  readonly #database: DatabaseHandle
  readonly #responses: VersionedCache<JsonResponse>
  readonly #loads = new SingleFlight<JsonResponse>(maxLoadsPerTurn)

  constructor (database: DatabaseHandle) {
    this.#database = database
    this.#responses = new VersionedCache(database, maxCacheBytes, sizeOf)
  }

  /**
   * Sends the cached response of the request's URL, or loads it. A handler returns the result.
   * A cached response is sent without a promise, which would double its cost.
   * @param load reads the database and builds the response
   * @param user the user whose quota the load uses, where it is expensive. Users then share no load.
   */
  send (request: FastifyRequest, reply: FastifyReply, load: () => Promise<JsonResponse>, user = ''): void | Promise<Buffer | FastifyReply> {
    const { url, dataVersion } = request
    const cached = this.#responses.get(url, dataVersion)
    if (cached === undefined) {
      const loading = this.#loads.run(`${user} ${url}`, () => this.#loadAndStore(url, load))
      return loading.then(response => selectBody(request, reply, response) ?? reply.send(emptyBody(request)))
    }
    reply.send(selectBody(request, reply, cached) ?? emptyBody(request))
  }

  async #loadAndStore (url: string, load: () => Promise<JsonResponse>): Promise<JsonResponse> {
    // The load starts after the request's own data version was read. A write in between must not keep it from
    // being cached.
    const version = this.#database.dataVersion()
    const response = await load()
    this.#responses.set(url, response, version)
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
