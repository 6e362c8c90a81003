import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import autoload from '@fastify/autoload'
import { LogController, type FastifyInstance, type FastifyHttpOptions, type FastifyPluginAsync } from 'fastify'
import type { Config } from './config.ts'
import { sendProblem } from './error-response.ts'
import { catalogue, Problem, type ProblemCode } from './problems.ts'
import { requestId } from './request-id.ts'
import { problemBody } from './responses.ts'
import { compileValidator } from './validation.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Told of the refusal of what did not become a request, and so passes no hook; there where somebody counts them. */
    noteBrokenRequest?: (code: ProblemCode) => void
  }
}

/** The service, as one plugin. */
export const app: FastifyPluginAsync<Config> = async (fastify, config) => {
  fastify.setValidatorCompiler(compileValidator)
  takeJsonAlone(fastify)
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  // First, since what comes before is not traced; loaded only here, since it is large.
  if (config.tracesEndpoint !== undefined) await fastify.register((await import('./tracing/plugin.ts')).tracing, config)

  await fastify.register(autoload, { dir: folder('plugins'), options: config, forceESM: true })
  await fastify.register(autoload, { dir: folder('routes'), options: config, forceESM: true, dirNameRoutePrefix: true })
}

/** Bodies are JSON. Where a route reads none, an empty one is none: clients name a media type for nothing. */
function takeJsonAlone (fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '' && request.routeOptions.schema?.body === undefined) done(null)
    else parseJson(request, body, done)
  })
}

// Not encapsulated, so that the error and not-found handlers are those of the whole server.
Object.assign(app, { [Symbol.for('skip-override')]: true })

/** What the server around the service is to be told. */
export function serverOptions (config: Config): FastifyHttpOptions<Server> {
  return {
    logger: { level: config.level },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy: config.trustProxy,
    routerOptions: { ignoreTrailingSlash: true },
    // A migration of a large table takes its time.
    pluginTimeout: 0,
    // Enough for a slow client; too little for one that only means to hold a connection. Node looks for those that are late
    // at an interval, so that a time-out ends with the first look after it.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    requestTimeout: 30_000,
    // A connection on which nothing moves, such as one whose client reads no answer.
    connectionTimeout: 60_000,
    // More than the minute after which load balancers close one that is idle: who closes first must not be the service.
    keepAliveTimeout: 72_000,
    // A connection that is kept open is served until it is told to close.
    return503OnClosing: false,
    frameworkErrors: (error, { method, log }, reply) => {
      sendProblem(reply.header('x-request-id', reply.request.id), error)
      log.info({ method, status: reply.statusCode, code: reply.request.problem?.code }, 'request')
      if (reply.request.problem !== null) reply.server.noteBrokenRequest?.(reply.request.problem.code)
    },
    clientErrorHandler: answerBrokenRequest
  }
}

/** Answers what is not HTTP enough to become a request. */
function answerBrokenRequest (this: FastifyInstance, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  // Bytes after a request that said it would be the last. Its answer is on the way, and a second one would be taken for part of it.
  if (error.code === 'HPE_CLOSED_CONNECTION') {
    socket.end()
    return
  }
  const [code, detail] = brokenRequests[error.code ?? ''] ?? notHttp
  const reqId = randomUUID()
  const body = JSON.stringify(problemBody(new Problem(code, detail), reqId))
  this.log.info({ reqId, status: catalogue[code][0], code, reason: error.code }, 'request')
  this.noteBrokenRequest?.(code)
  socket.end([
    `HTTP/1.1 ${catalogue[code][0]} ${catalogue[code][1]}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${reqId}`,
    'Connection: close',
    '',
    body
  ].join('\r\n'))
}

const notHttp: [ProblemCode, string] = ['validation_failed', 'This is not a well-formed HTTP request.']
const brokenRequests: Partial<Record<string, [ProblemCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are larger than is taken here.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload_too_large', 'The chunk extensions are larger than is taken here.']
}

function folder (name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}
