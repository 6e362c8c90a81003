import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

export interface MetricsPage {
  contentType: string
  text: string
}

/** Starts the listener for Prometheus, apart from the service. `render` makes the page of each request. */
export async function startMetricsServer (address: { host: string, port: number }, render: () => Promise<MetricsPage>): Promise<Server> {
  const options = { requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 65_000, maxHeaderSize: 8_192 }
  const server = createServer(options, (request, response) => {
    const { url = '', method = '' } = request
    if (url.replace(/\?.*/s, '') !== '/metrics') response.writeHead(404).end()
    else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else {
      render().then(
        ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
        () => response.writeHead(500).end())
    }
  })
  server.maxConnections = 50
  server.listen(address)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    throw new Error(`METRICS_PORT: cannot listen on ${address.host} port ${address.port} (${code})`, { cause })
  }
  return server
}

/** The URL of a listening server. */
export function urlOf (server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
}
