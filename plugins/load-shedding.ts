import { Socket } from 'node:net'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { setConnectionHeader } from '../src/http/connection-close.ts'
import { LoadShedder } from '../src/http/load-shedder.ts'
import { problemBody } from '../src/problems/body.ts'
import { temporaryProblem } from '../src/problems/catalogue.ts'

const overloaded = temporaryProblem('overloaded', 'The service is overloaded. Try again later.')

/**
 * The delay of a rejection. A client that retries at once would otherwise be rejected so often that
 * rejections take most of the time. A client that waits before its retry loses next to nothing.
 */
const rejectionDelayMs = 100

/**
 * Rejects requests under overload, before anything but CORS has been done for them, so that the others are
 * served in time. Health checks are never rejected: load balancers decide by them.
 */
const loadShedding: FastifyPluginAsync = async fastify => {
  let rejectedCount = 0
  let rejected: [FastifyRequest, FastifyReply][] = []
  const shedder = new LoadShedder({
    databaseQueue: () => {
      const { pool } = fastify.database.statistics()
      return pool && { waiting: pool.waiting, wait: pool.waitMs }
    },
    tokenQueue: () => {
      const { waiting, waitMs } = fastify.cognito.tokenStatistics().queue
      return { waiting, wait: waitMs }
    },
    onChange: isShedding => {
      if (isShedding) fastify.log.warn('shedding load')
      else fastify.log.info({ rejected: rejectedCount }, 'no longer shedding load')
      rejectedCount = 0
    }
  })
  // Serialised once, with a line break in the place of the request id.
  const [bodyStart, bodyEnd] = JSON.stringify(problemBody(overloaded, '\n')).split('\\n')

  fastify.addHook('onRequest', (request, reply, done) => {
    // An injected request has not waited in a socket.
    const isSubject = request.routeOptions.config.rateLimit !== false && request.raw.socket instanceof Socket
    if (!isSubject || !shedder.rejects(() => fastify.cognito.tokenState(request) === 'new')) {
      done()
      return
    }
    rejectedCount++
    request.problem = overloaded
    // Skips all further hooks.
    reply.hijack()
    // An unread body would stay in memory during the delay.
    request.raw.resume()
    if (rejected.length === 0) setImmediate(delayRejections)
    rejected.push([request, reply])
  })

  /** Rejects the requests of one turn of the event loop together. */
  function delayRejections (): void {
    setTimeout(rejectAll, rejectionDelayMs, rejected)
    rejected = []
  }

  function rejectAll (requests: [FastifyRequest, FastifyReply][]): void {
    const startMs = performance.now()
    for (const [request, reply] of requests) reject(request, reply)
    shedder.addRejectionTime(performance.now() - startMs)
  }

  function reject (request: FastifyRequest, reply: FastifyReply): void {
    const body = `${bodyStart}${request.id}${bodyEnd}`
    setConnectionHeader(reply, fastify.isStopping())
    for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...overloaded.headers })) reply.raw.setHeader(name, value ?? '')
    reply.raw
      .writeHead(overloaded.statusCode, { 'content-type': 'application/problem+json; charset=utf-8', 'content-length': body.length })
      .end(body)
  }
}

export default fp(loadShedding, { name: 'load-shedding', dependencies: ['authentication', 'database', 'graceful-shutdown', 'request-outcome'] })
