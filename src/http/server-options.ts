import type { Server } from 'node:http'
import { LogController, type FastifyHttpOptions } from 'fastify'
import type { DestinationStream } from 'pino'
import { serializeError } from '../telemetry/error-serializer.ts'
import { routeNowhere } from './bad-url.ts'
import { removeBasePath } from './base-path.ts'
import { maxBodyBytes } from './body-limit.ts'
import { brokenRequestHandler } from './client-error.ts'
import { requestId } from './request-id.ts'

interface ServerSettings {
  level: string
  trustProxy: boolean | string[]
  keepAliveTimeoutSeconds: number
  basePath: string
}

/**
 * The options of Fastify and of Node's HTTP server.
 * @param log the destination of the log; standard output by default
 */
export function serverOptions ({ level, trustProxy, keepAliveTimeoutSeconds, basePath }: ServerSettings, log?: DestinationStream): FastifyHttpOptions<Server> {
  return {
    logger: { level, serializers: { err: serializeError }, ...(log && { stream: log }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy,
    routerOptions: { ignoreTrailingSlash: true },
    bodyLimit: maxBodyBytes,
    // The migration of a large table may take longer than any time-out.
    pluginTimeout: 0,
    http: {
      // A token of a user in 100 groups has 12 kB, and a token may have 16 kB. Node's default is 16 kB for all headers.
      maxHeaderSize: 32 * 1024,
      // Long enough for a slow client, and too short for a client that only holds a connection.
      headersTimeout: 10_000,
      // Node looks for late clients at this interval.
      connectionsCheckingInterval: 2_000,
      // Node would answer a missing Host header without a problem detail. The plugin `http` checks the header instead.
      requireHostHeader: false
    },
    requestTimeout: 30_000,
    // Ends a connection without any traffic, such as one whose client reads no response.
    connectionTimeout: 60_000,
    // Load balancers close idle connections after a minute or more. The service must not close first.
    keepAliveTimeout: keepAliveTimeoutSeconds * 1_000,
    ...(basePath !== '' && { rewriteUrl: removeBasePath(basePath) }),
    // During a graceful shutdown, open connections are served until they are told to close.
    return503OnClosing: false,
    frameworkErrors: routeNowhere,
    clientErrorHandler: brokenRequestHandler()
  }
}
