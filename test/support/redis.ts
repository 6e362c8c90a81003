import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './embedded-postgres.ts'
import { until } from './service-process.ts'

/** The reason to skip a test where the machine has no Redis. */
export const skipWithoutRedis = spawnSync('redis-server', ['--version']).status === 0 ? false : 'needs Redis: apt-get install redis-server'

/** A redis-server that ends with the test. */
export async function startRedis (t: Test, args: string[] = [], port?: number): Promise<{ port: number, child: ChildProcess }> {
  const ownPort = port ?? await freePort()
  // `t.testdir()` would empty the folder of another Redis of the test.
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = spawn('redis-server', ['--port', `${ownPort}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...args], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await until(async () => {
    const socket = connect(ownPort, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(() => true, () => false)
    socket.destroy()
    return isOpen
  })
  return { port: ownPort, child }
}
