import cluster from 'node:cluster'
import { lookup } from 'node:dns/promises'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { app } from './app.ts'
import { onPrimaryMessage } from './cluster/messages.ts'
import { Primary } from './cluster/primary.ts'
import { serverOptions } from './http/server-options.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { serializeError } from './telemetry/error-serializer.ts'
import { LogStream } from './telemetry/log-destination.ts'

/** How long answers in progress may take after the signal to stop, in milliseconds. */
const grace = 7_000

try {
  const config = readConfig(process.env)
  const log = new LogStream(process.stdout.fd)
  process.on('exit', () => log.flush())
  // Fastify would open a second listener for `localhost`, without the handlers of the first. A name stands for one address.
  const { address: host } = await lookup(config.host, { order: 'ipv4first' })
  if (config.workers > 1 && cluster.isPrimary) await supervise({ ...config, host }, log)
  else await serve({ ...config, host }, log)
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service cannot start: ${reason(error)}`)
  process.exit(1)
}

/** Runs the service in this process. */
async function serve (config: Config, log: LogStream): Promise<void> {
  const server = Fastify(serverOptions(config, log))
  stopOnRequest(server.log, () => stop(server, 0))
  onPrimaryMessage('retire', () => {
    server.log.info('stopping, because another worker takes over')
    server.retire()
    stop(server, 0)
  })
  process.once('uncaughtException', error => {
    server.log.fatal({ err: error }, 'stopping after a fault')
    stop(server, 1)
  })
  await server.register(app, config)
  await server.listen({ host: config.host, port: config.port })
}

/** Runs the service in worker processes, each of which runs this file again. */
async function supervise (config: Config, destination: LogStream): Promise<void> {
  const log = pino({ level: config.level, serializers: { err: serializeError } }, destination)
  const primary = new Primary({ ...config, log })
  stopOnRequest(log, async () => process.exit(await primary.stop()))
  process.on('SIGHUP', () => primary.restart())
  if (!await primary.start()) process.exit(1)
}

function stopOnRequest (log: Pick<FastifyBaseLogger, 'info'>, stop: () => void): void {
  // Every time: npm and a terminal may both send the signal, and the second must not end what the first began.
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping')
      stop()
    })
  }
  // npm runs a script in a shell, and most shells do not forward signals. When npm is stopped, this process only loses its parent.
  if (process.env.npm_lifecycle_event === undefined || cluster.isWorker) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    log.info('stopping, because npm has ended')
    stop()
  }, 500).unref()
}

async function stop (server: FastifyInstance, status: number): Promise<void> {
  setTimeout(() => server.server.closeAllConnections(), grace).unref()
  setTimeout(() => process.exit(1), grace + 2_500).unref()
  await server.close()
  process.exit(status)
}

function reason (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message.replace(/^.*EADDRINUSE:? */, '')}. Stop what listens there, or set PORT.`
  return error.message
}
