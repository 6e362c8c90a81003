// Serialised answers, kept while nothing in the database has changed. The routes around it do not know that it is there: it
// fits those whose answer depends on the address and the database alone, not on who asks.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { ReadCache } from './database/read-cache.ts'
import type { Database } from './database/tables.ts'

interface KeptAnswer {
  /** As bytes: they are neither counted nor encoded again. */
  body: Buffer
  headers: Record<string, string>
}

const mostAnswers = 500
const keptHeaders = ['content-type', 'etag', 'link']

/** A `preHandler` hook that answers with what is kept, and an `onSend` hook, after the one that tags, that keeps. */
export function pageCache (db: Database) {
  const answers = new ReadCache<KeptAnswer>(db, mostAnswers)
  const marks = new WeakMap<FastifyRequest, number>()

  return {
    answerFromCache (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
      const mark = request.changeMark
      const kept = answers.get(request.url, mark)
      if (kept !== undefined) {
        reply.headers(kept.headers).send(kept.body)
        return
      }
      if (mark !== undefined) marks.set(request, mark)
      done()
    },

    keepAnswer (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: () => void): void {
      const mark = marks.get(request)
      if (mark !== undefined && reply.statusCode === 200 && typeof payload === 'string') {
        const headers = keptHeaders.flatMap(name => reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : [])
        answers.set(request.url, { body: bytesOf(payload), headers: Object.fromEntries(headers) }, mark)
      }
      done()
    }
  }
}

// Of their own: a slice of Node's pool would keep the whole of that.
function bytesOf (text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}
