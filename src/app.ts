import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import { LogController, type FastifyHttpOptions, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { DestinationStream } from 'pino'
import { brokenRequestHandler } from './http/client-error.ts'
import type { Config } from './config.ts'
import { serializeError } from './telemetry/error-serializer.ts'
import { namesOneHost } from './http/host-header.ts'
import { limitIgnoredBodies, maxBodyBytes } from './http/body-limit.ts'
import { requestOutcome } from '../plugins/request-outcome.ts'
import { Problem } from './problems/catalogue.ts'
import { requestId } from './http/request-id.ts'
import { constantHeaders } from './openapi/responses.ts'
import { compileSerializer } from './http/serializer.ts'
import { routeNowhere } from './http/bad-url.ts'
import { compileValidator } from './http/validator.ts'

/** The service, as one plugin. */
export const app: FastifyPluginAsync<Config> = async (fastify, config) => {
  fastify.setValidatorCompiler(compileValidator)
  fastify.setSerializerCompiler(compileSerializer)
  takeJsonAlone(fastify)
  routeAnyExpectation(fastify.server)
  // Before every other hook: a request that one of them refuses, or takes over, is reported too.
  await fastify.register(requestOutcome)
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(constantHeaders)
    // Node reads nothing more on a connection on which another protocol was asked for, though there is none here.
    if (request.headers.upgrade !== undefined) reply.header('connection', 'close')
    if (namesOneHost(request.raw)) done()
    else done(new Problem('validation_failed', 'A request has one Host header.'))
  })
  fastify.addHook('onRoute', limitIgnoredBodies)
  fastify.addHook('onSend', (_request, _reply, payload, done) => {
    // Fastify listens to a stream once all hooks have run. Its failure while one of them waits would have nobody to tell, and end the process.
    if (payload instanceof Readable) payload.once('error', () => {})
    done()
  })
  // First, since what comes before is not traced; loaded only here, since it is large.
  if (config.tracesEndpoint !== undefined) await fastify.register((await import('../plugins/tracing.ts')).tracing, config)

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

/**
 * Routes a request with an unknown `Expect` header as if the header were absent, which RFC 9110 10.1.1 allows. Node would answer
 * 417 itself, outside of all hooks: without a limit, a problem or a log line.
 */
function routeAnyExpectation (server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
}

// Not encapsulated, so that the error and not-found handlers are those of the whole server.
Object.assign(app, { [Symbol.for('skip-override')]: true })

/**
 * What the server around the service is to be told.
 * @param log where the log goes; standard output by default
 */
export function serverOptions (config: Config, log?: DestinationStream): FastifyHttpOptions<Server> {
  return {
    logger: { level: config.level, serializers: { err: serializeError }, ...(log && { stream: log }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy: config.trustProxy,
    routerOptions: { ignoreTrailingSlash: true },
    bodyLimit: maxBodyBytes,
    // A migration of a large table takes its time.
    pluginTimeout: 0,
    // Enough for a slow client; too little for one that only means to hold a connection. Node looks for those that are late
    // at an interval, so that a time-out ends with the first look after it.
    http: {
      headersTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
      // Without Host, Node would answer with no problem, and then not answer what came behind.
      requireHostHeader: false
    },
    requestTimeout: 30_000,
    // A connection on which nothing moves, such as one whose client reads no answer.
    connectionTimeout: 60_000,
    // More than the minute after which load balancers close one that is idle: who closes first must not be the service.
    keepAliveTimeout: 72_000,
    // A connection that is kept open is served until it is told to close.
    return503OnClosing: false,
    frameworkErrors: routeNowhere,
    clientErrorHandler: brokenRequestHandler()
  }
}

function folder (name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}
