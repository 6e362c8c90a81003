import Fastify, { type FastifyInstance } from 'fastify'
import { app } from './app.ts'
import { serverOptions } from './http/server-options.ts'
import { ConfigError, readConfig } from './config.ts'
import { LogStream } from './telemetry/log-destination.ts'

/** How long answers in progress may take after the signal to stop, in milliseconds. */
const grace = 7_000

try {
  await serve()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service cannot start: ${reason(error)}`)
  process.exit(1)
}

async function serve (): Promise<void> {
  const config = readConfig(process.env)
  const log = new LogStream(process.stdout.fd)
  process.on('exit', () => log.flush())
  const server = Fastify(serverOptions(config, log))
  stopOn(server, 'SIGTERM')
  stopOn(server, 'SIGINT')
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent(server)
  process.once('uncaughtException', error => {
    server.log.fatal({ err: error }, 'stopping after a fault')
    stop(server, 1)
  })
  await server.register(app, config)
  await server.listen({ host: config.host, port: config.port })
}

// Every time: npm and a terminal may both send the signal, and the second must not end what the first began.
function stopOn (server: FastifyInstance, signal: NodeJS.Signals): void {
  process.on(signal, () => {
    server.log.info({ signal }, 'stopping')
    stop(server, 0)
  })
}

// npm runs a script in a shell, and most shells do not forward signals. When npm is stopped, this process only loses its parent.
function stopWithParent (server: FastifyInstance): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    server.log.info('stopping, because npm has ended')
    stop(server, 0)
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
