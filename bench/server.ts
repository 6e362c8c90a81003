// Starts the servers that are measured, each as a process of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../test/support/embedded-postgres.ts'

export interface Server {
  name: string
  port: number
  child: ChildProcess
  logPath: string
  /** The time from the start of the process to its first response. */
  startMs: number
}

/**
 * Starts a server, with its log in a file, and waits for its first response. Without `PORT` it gets a free
 * port.
 */
export async function startServer (name: string, script: string, folder: string, environment: Record<string, string>): Promise<Server> {
  const port = Number(environment.PORT ?? await freePort())
  const logPath = join(folder, `${name.replace(/\W+/g, '-')}-${port}.log`)
  const log = openSync(logPath, 'a')
  const startedAt = performance.now()
  const env = { ...process.env, NODE_ENV: 'production', ...environment, PORT: `${port}` }
  const child = spawn(process.execPath, [script], { stdio: ['ignore', log, log], env })
  closeSync(log)
  while (!(await fetch(`http://127.0.0.1:${port}/articles`).then(() => true, () => false))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${readFileSync(logPath)}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return { name, port, child, logPath, startMs: performance.now() - startedAt }
}

export async function stopServer ({ child }: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await exited
}

/** User and system time of a process since its start. Linux counts them in hundredths of a second. */
export function readCpuUs ({ child: { pid } }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** The resident memory of a process, now and at its peak. */
export function readMemory ({ child: { pid } }: Server): { nowMb: number, peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024
  return { nowMb: read('VmRSS'), peakMb: read('VmHWM') }
}
