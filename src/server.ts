import cluster from 'node:cluster'
import { lookup } from 'node:dns/promises'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { app } from './app.ts'
import { onPrimaryMessage } from './cluster/messages.ts'
import { Primary } from './cluster/primary.ts'
import { serverOptions } from './http/server-options.ts'
import { readConfig, type Config } from './config.ts'
import { ConfigError } from './environment/read.ts'
import { serializeError } from './telemetry/error-serializer.ts'
import { LogDestination } from './telemetry/log-destination.ts'

/** After the signal to stop, requests in progress have this time before their connections are destroyed. */
const graceMs = 7_000
/** The process ends this long after `graceMs` even where closing hangs. Together they stay below 10 s. */
const exitDelayMs = 2_500
/**
 * A worker rejects connections for this time before it exits, so that the primary gives them to another one.
 */
const workerExitDelayMs = 300
/** A worker listens after this time, even without keys. */
const maxKeyWaitMs = 3_000
/** The interval at which the process checks that npm still runs. */
const parentCheckMs = 500

try {
  const config = readConfig(process.env)
  const log = new LogDestination(process.stdout.fd)
  process.on('exit', () => log.flush())
  // Fastify would open a second listener for `localhost`, without the handlers of the first. A name stands
  // for one address.
  const { address: host } = await lookup(config.host, { order: 'ipv4first' })
  if (config.workers > 1 && cluster.isPrimary) await supervise({ ...config, host }, log)
  else await serve({ ...config, host }, log)
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service cannot start: ${describe(error)}`)
  process.exit(1)
}

/** Runs the service in this process. */
async function serve (config: Config, log: LogDestination): Promise<void> {
  const server = Fastify(serverOptions(config, log))
  stopOnRequest(server.log, () => stop(server, 0))
  onPrimaryMessage('retire', () => {
    server.log.info('stopping, because another worker takes over')
    server.retire()
    stop(server, 0)
  })
  process.once('uncaughtException', error => {
    server.log.fatal({ err: error }, 'stopping after an uncaught exception')
    stop(server, 1)
  })
  await server.register(app, config)
  await server.ready()
  if (cluster.isWorker) await waitForKeys(server)
  await server.listen({ host: config.host, port: config.port })
}

/**
 * A worker shares the listener of the others and gets requests at once, so it fetches the signing keys first.
 */
async function waitForKeys (server: FastifyInstance): Promise<void> {
  const deadlineMs = performance.now() + maxKeyWaitMs
  while (!server.cognito.isReady() && performance.now() < deadlineMs) await wait(10)
}

/** Runs the service in worker processes, each of which runs this file again. */
async function supervise (config: Config, destination: LogDestination): Promise<void> {
  const log = pino({ level: config.level, serializers: { err: serializeError } }, destination)
  const primary = new Primary({ ...config, log })
  stopOnRequest(log, async () => process.exit(await primary.stop()))
  process.on('SIGHUP', () => primary.restart())
  if (!await primary.start()) process.exit(1)
}

/** Stops at SIGTERM, at SIGINT, and when npm stops. */
function stopOnRequest (log: Pick<FastifyBaseLogger, 'info'>, stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    // `on` instead of `once`: npm and a terminal may both send the signal, and the second must not kill the
    // process.
    process.on(signal, () => {
      log.info({ signal }, 'stopping')
      stop()
    })
  }
  // npm runs a script in a shell, and most shells forward no signals. When npm stops, this process only gets
  // another parent.
  if (process.env.npm_lifecycle_event === undefined || cluster.isWorker) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    log.info('stopping because npm has stopped')
    stop()
  }, parentCheckMs).unref()
}

async function stop (server: FastifyInstance, status: number): Promise<void> {
  setTimeout(() => server.server.closeAllConnections(), graceMs).unref()
  setTimeout(() => process.exit(1), graceMs + exitDelayMs).unref()
  await server.close()
  // The primary may have sent a connection that this worker rejects now. An exit would lose it.
  if (cluster.isWorker) await wait(workerExitDelayMs)
  process.exit(status)
}

function describe (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message.replace(/^.*EADDRINUSE:? */, '')}. Stop the process that uses this port, or set PORT.`
  return error.message
}
