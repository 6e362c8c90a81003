import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import type { FastifyPluginAsync } from 'fastify'
import authentication from '../plugins/authentication.ts'
import cognitoSignOut from '../plugins/cognito-sign-out.ts'
import basePath from '../plugins/base-path.ts'
import connectionLimit from '../plugins/connection-limit.ts'
import cors from '../plugins/cors.ts'
import database from '../plugins/database.ts'
import expiryCleanup from '../plugins/expiry-cleanup.ts'
import gracefulShutdown from '../plugins/graceful-shutdown.ts'
import http from '../plugins/http.ts'
import loadShedding from '../plugins/load-shedding.ts'
import localUser from '../plugins/local-user.ts'
import metrics from '../plugins/metrics.ts'
import openapi from '../plugins/openapi.ts'
import problems from '../plugins/problems.ts'
import rateLimit from '../plugins/rate-limit.ts'
import requestLimits from '../plugins/request-limits.ts'
import requestLog from '../plugins/request-log.ts'
import requestOutcome from '../plugins/request-outcome.ts'
import responseBatching from '../plugins/response-batching.ts'
import search from '../plugins/search.ts'
import usersSync from '../plugins/users-sync.ts'
import web from '../plugins/web.ts'
import type { Config } from './config.ts'
import { requireAccess } from './http/route-access.ts'

/** The service as one plugin. The list below is the order in which a request meets the plugins. */
export const app: FastifyPluginAsync<Config> = async (fastify, config) => {
  // The database opens and migrates first. It decorates the server and sees no request itself. An SQLite file
  // is watched.
  await fastify.register(database, config)

  // 1. The outcome of every request is reported once, to the request log and to the metrics.
  await fastify.register(requestOutcome)
  // 2. A span covers all that follows. The module is large and is loaded only where traces are sent.
  if (config.tracesEndpoint !== undefined) await fastify.register(import('../plugins/tracing.ts'), config)
  // 3. The connection counts towards the limit of the process, and learns when the service stops.
  await fastify.register(connectionLimit)
  await fastify.register(gracefulShutdown)
  // 4. The request gets its id and its security headers, and the rules of HTTP are checked.
  await fastify.register(http)
  await fastify.register(basePath, config)
  // 5. A page of an allowed origin may read the response, whatever it will be.
  await fastify.register(cors, config)
  // 6. The token is read, but not verified yet: the limits below ask whether it is cached.
  await fastify.register(authentication, config)
  // 7. Under overload the request is rejected before it costs anything.
  await fastify.register(loadShedding)
  // 8. The request is counted: those in progress, the bytes of their bodies, and requests in the window of
  //    the rate limit.
  await fastify.register(requestLimits)
  await fastify.register(rateLimit, config)
  // 9. An unknown address or method gets its problem detail here. So does every error thrown later.
  await fastify.register(problems)
  // 10. The guards `requireUser` and `requireAdmin` verify the token and load the local user.
  await fastify.register(localUser, config)

  // The handlers use these: searches in turn, and sign-out at Cognito.
  await fastify.register(search)
  await fastify.register(cognitoSignOut, config)

  // 11. The response waits for the end of the turn of the event loop, and is sent with the others.
  await fastify.register(responseBatching)
  // 12. The request is logged and counted.
  await fastify.register(requestLog)
  await fastify.register(metrics, config)

  // Expired rows are deleted in the background.
  await fastify.register(expiryCleanup)
  // With an interval, local users are synced with Cognito in the background.
  await fastify.register(usersSync, config)

  // The document describes every route registered after it. The pages come before the routes.
  await fastify.register(openapi, config)
  await fastify.register(web, config)
  await fastify.register(async scope => {
    requireAccess(scope)
    await scope.register(autoload, { dir: folder('routes'), options: config, forceESM: true, dirNameRoutePrefix: true, autoHooks: true, cascadeHooks: true, routeParams: true })
  })
}

// Not encapsulated: the error and not-found handlers are those of the whole server.
Object.assign(app, { [Symbol.for('skip-override')]: true })

function folder (name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}
