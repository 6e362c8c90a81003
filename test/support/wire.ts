import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { startApp, type TestApp } from './app.ts'

/** The bytes that the service sent until it closed the connection. */
export interface Exchange {
  statuses: number[]
  codes: string[]
  text: string
}

export interface Wire extends TestApp {
  /** Opens a TCP connection. */
  open (): Promise<Socket>
  /** Sends bytes, one per character, and waits until the service closes the connection. */
  exchange (bytes: string): Promise<Exchange>
}

/** Starts a listening service that a test reaches by raw bytes. */
export async function startOnWire (t: Test, changes: Record<string, string> = {}, extend?: (app: FastifyInstance) => void): Promise<Wire> {
  const started = await startApp(t, changes, undefined, extend)
  const { port } = new URL(await started.app.listen({ host: '127.0.0.1', port: 0 }))
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) }).on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return {
    ...started,
    open,
    exchange: async bytes => {
      const socket = await open()
      let text = ''
      socket.on('data', chunk => { text += chunk.toString('latin1') })
      socket.write(Buffer.from(bytes, 'latin1'))
      await once(socket, 'close')
      return read(text)
    }
  }
}

// A body ends without a line break, and the next response follows directly.
export function read (text: string): Exchange {
  return {
    statuses: Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status)),
    codes: Array.from(text.matchAll(/"code":"(\w+)"/g), ([, code = '']) => code),
    text
  }
}

/** The routes whose handlers ran since the last call, recorded by a hook of Fastify. */
export function watchHandlers (t: Test): () => string[] {
  const ran: string[] = []
  const channel = 'tracing:fastify.request.handler:start'
  const note = (message: unknown) => {
    const { request }: { request?: FastifyRequest } = Object(message)
    if (request !== undefined && !request.is404) ran.push(`${request.method} ${request.routeOptions.url}`)
  }
  diagnostics.subscribe(channel, note)
  t.teardown(() => { diagnostics.unsubscribe(channel, note) })
  return () => ran.splice(0)
}

/** The number of stored rows that only an accepted request can create. */
export async function stored ({ db }: FastifyInstance): Promise<string[]> {
  const articles = await db.selectFrom('articles').select('name').orderBy('id').execute()
  const users = await db.selectFrom('users').select('username').orderBy('id').execute()
  return [...articles.map(({ name }) => `article ${name}`), ...users.map(({ username }) => `user ${username}`)]
}
