import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { app, serverOptions } from './app.ts'
import { ConfigError, readConfig } from './config.ts'

/** How long answers in progress may take after the signal to stop, in milliseconds. */
const grace = 8_000

try {
  await serve()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service cannot start: ${reason(error)}`)
  process.exit(1)
}

async function serve (): Promise<void> {
  const config = readConfig(process.env)
  const server = Fastify(serverOptions(config))
  closeWithGrace({ delay: grace + 1_500, logger: false }, async ({ signal, err }) => {
    if (err) server.log.fatal({ err }, 'stopping after a fault')
    else server.log.info({ signal }, 'stopping')
    setTimeout(() => server.server.closeAllConnections(), grace).unref()
    await server.close()
  })
  await server.register(app, config)
  await server.listen({ host: config.host, port: config.port })
}

function reason (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message.replace(/^.*EADDRINUSE:? */, '')}. Stop what listens there, or set PORT.`
  return error.message
}
