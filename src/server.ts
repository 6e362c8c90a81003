import Fastify, { type FastifyInstance } from 'fastify'
import { app } from './app.ts'
import { serverOptions } from './http/server-options.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './environment/read.ts'
import { LogDestination } from './telemetry/log-destination.ts'

/** After the signal to stop, requests in progress have this time before their connections are destroyed. */
const graceMs = 7_000
/** The process ends this long after `graceMs` even where closing hangs. Together they stay below 10 s. */
const exitDelayMs = 2_500
/** The interval at which the process checks that npm still runs. */
const parentCheckMs = 500

try {
  await serve()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service cannot start: ${describe(error)}`)
  process.exit(1)
}

async function serve (): Promise<void> {
  const config = readConfig(process.env)
  const log = new LogDestination(process.stdout.fd)
  process.on('exit', () => log.flush())
  const server = Fastify(serverOptions(config, log))
  stopOn(server, 'SIGTERM')
  stopOn(server, 'SIGINT')
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent(server)
  process.once('uncaughtException', error => {
    server.log.fatal({ err: error }, 'stopping after an uncaught exception')
    stop(server, 1)
  })
  await server.register(app, config)
  await server.listen({ host: config.host, port: config.port })
}

// `on` instead of `once`: npm and a terminal may both send the signal, and the second must not kill the process.
function stopOn (server: FastifyInstance, signal: NodeJS.Signals): void {
  process.on(signal, () => {
    server.log.info({ signal }, 'stopping')
    stop(server, 0)
  })
}

// npm runs a script in a shell, and most shells forward no signals. When npm stops, this process only gets another parent.
function stopWithParent (server: FastifyInstance): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    server.log.info('stopping because npm has stopped')
    stop(server, 0)
  }, parentCheckMs).unref()
}

async function stop (server: FastifyInstance, status: number): Promise<void> {
  setTimeout(() => server.server.closeAllConnections(), graceMs).unref()
  setTimeout(() => process.exit(1), graceMs + exitDelayMs).unref()
  await server.close()
  process.exit(status)
}

function describe (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message.replace(/^.*EADDRINUSE:? */, '')}. Stop the process that uses this port, or set PORT.`
  return error.message
}
