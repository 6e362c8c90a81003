// The servers that are measured: this service, and what it is measured beside, each a process of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../test/support/embedded-postgres.ts'

export interface Server {
  name: string
  port: number
  child: ChildProcess
  /** The file that it writes its log to. */
  log: string
  /** Milliseconds from the start of the process to its first answer. */
  start: number
}

/** Starts a server with its log in a file, and waits for its first answer. It has a port of its own unless `environment.PORT` names one. */
export async function startServer (name: string, script: string, folder: string, environment: Record<string, string>): Promise<Server> {
  const port = Number(environment.PORT ?? await freePort())
  const path = join(folder, `${name}-${port}.log`)
  const log = openSync(path, 'a')
  const begun = performance.now()
  const child = spawn(process.execPath, [script], { stdio: ['ignore', log, log], env: { ...process.env, NODE_ENV: 'production', ...environment, PORT: `${port}` } })
  closeSync(log)
  while (!(await fetch(`http://127.0.0.1:${port}/articles`).then(() => true, () => false))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${readFileSync(path)}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return { name, port, child, log: path, start: performance.now() - begun }
}

export async function stopServer ({ child }: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

/** User and system time of a process so far, in microseconds. */
export function cpuTime ({ child: { pid } }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Megabytes in use, now and at their peak. */
export function memory ({ child: { pid } }: Server): { now: number, peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}
