import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

export interface Exposition {
  contentType: string
  text: string
}

/** Listens for who reads metrics, apart from the service; `expose` writes them down at each request. */
export async function listenForScrapes (address: { host: string, port: number }, expose: () => Promise<Exposition>): Promise<Server> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 65_000, maxHeaderSize: 8_192 }, (request, response) => {
    const { url = '', method = '' } = request
    if (url.replace(/\?.*/s, '') !== '/metrics') response.writeHead(404).end()
    else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else expose().then(({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text), () => response.writeHead(500).end())
  })
  server.maxConnections = 50
  server.listen(address)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    throw new Error(`METRICS_PORT cannot be listened on, at ${address.host} port ${address.port} (${code})`, { cause })
  }
  return server
}

/** Where a server listens, as a URL. */
export function urlOf (server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
}
