import { Socket } from 'node:net'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { hasLargeUnfinishedBody } from '../src/http/body-limit.ts'
import { LoadShedder } from '../src/http/load-shedder.ts'
import { temporaryProblem } from '../src/problems/catalogue.ts'
import { problemBody } from '../src/problems/body.ts'

const overloaded = temporaryProblem('overloaded', 'There is more to do here than can be done; try again.')

/**
 * How long a refusal waits, in milliseconds. Clients that ask again at once would otherwise be refused so often that there is
 * time for little else; it costs those that wait or ask elsewhere next to nothing.
 */
const pause = 100

/**
 * Refuses what is too much before anything is done for it but to say who may read the refusal (`cors`), so that the rest is answered in time. Health is asked for by those
 * who decide whether to send more, and is always answered.
 */
const overload: FastifyPluginAsync = async fastify => {
  let refused = 0
  let waiting: [FastifyRequest, FastifyReply][] = []
  const shedder = new LoadShedder({
    databaseLine: () => {
      const { pool } = fastify.database.statistics()
      return pool && { waiting: pool.waiting, wait: pool.waitMs }
    },
    tokenLine: () => {
      const { waiting, waitMs } = fastify.cognito.tokenStatistics().queue
      return { waiting, wait: waitMs }
    },
    onChange: isShedding => {
      if (isShedding) fastify.log.warn('shedding load')
      else fastify.log.info({ refused }, 'no longer shedding load')
      refused = 0
    }
  })
  // Written down once: a refusal is to cost as little as can be.
  const [before, after] = JSON.stringify(problemBody(overloaded, '\n')).split('\\n')

  fastify.addHook('onRequest', (request, reply, done) => {
    // Injected requests have not waited in a socket.
    const isAsked = request.routeOptions.config.rateLimit !== false && request.raw.socket instanceof Socket
    if (!isAsked || !shedder.refuses(() => fastify.cognito.tokenState(request) === 'new')) {
      done()
      return
    }
    refused++
    request.problem = overloaded
    // Past all that is done for an answer.
    reply.hijack()
    // What is not read would be kept until then.
    request.raw.resume()
    if (waiting.length === 0) setImmediate(hold)
    waiting.push([request, reply])
  })

  // Those of one turn of the event loop together.
  function hold (): void {
    setTimeout(refuseAll, pause, waiting)
    waiting = []
  }

  function refuseAll (together: [FastifyRequest, FastifyReply][]): void {
    const begun = performance.now()
    for (const [request, reply] of together) refuse(request, reply)
    shedder.noteRefusing(performance.now() - begun)
  }

  function refuse (request: FastifyRequest, reply: FastifyReply): void {
    const body = `${before}${request.id}${after}`
    for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...overloaded.headers })) reply.raw.setHeader(name, value ?? '')
    if (fastify.isDraining() || hasLargeUnfinishedBody(request)) reply.raw.setHeader('connection', 'close')
    reply.raw
      .writeHead(overloaded.statusCode, { 'content-type': 'application/problem+json; charset=utf-8', 'content-length': body.length })
      .end(body)
  }
}

export default fp(overload, { name: 'load-shedding', dependencies: ['authentication', 'database', 'graceful-shutdown', 'request-outcome'] })
