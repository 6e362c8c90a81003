import type { Server } from 'node:http'
import { LogController, type FastifyHttpOptions } from 'fastify'
import type { DestinationStream } from 'pino'
import { serializeError } from '../telemetry/error-serializer.ts'
import { removeBasePath } from './base-path.ts'
import { routeBadUrl } from './bad-url.ts'
import { maxBodyBytes } from './body-limit.ts'
import { createClientErrorHandler } from './client-error.ts'
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
    // A plugin runs the migrations, and a large table may take longer than any timeout.
    pluginTimeout: 0,
    http: {
      // A token of a user in 100 groups has 12 kB, and a token may have 16 kB. Node's default is 16 kB for
      // all headers.
      maxHeaderSize: 32 * 1024,
      // Enough for a slow client. A client that only occupies a connection loses it.
      headersTimeout: 10_000,
      // Node checks these timeouts at this interval.
      connectionsCheckingInterval: 2_000,
      // Node would reject a missing Host header without a problem detail. The plugin `http` checks the header
      // instead.
      requireHostHeader: false
    },
    requestTimeout: 30_000,
    // Closes a connection without any traffic, such as one whose client reads no response.
    connectionTimeout: 60_000,
    // Load balancers close idle connections after 60 s or more. The service must not close first.
    keepAliveTimeout: keepAliveTimeoutSeconds * 1_000,
    ...(basePath !== '' && { rewriteUrl: removeBasePath(basePath) }),
    // During a graceful shutdown, open connections are served until a response closes them.
    return503OnClosing: false,
    frameworkErrors: routeBadUrl,
    clientErrorHandler: createClientErrorHandler()
  }
}
