import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LogDestination } from '../../src/telemetry/log-destination.ts'

t.test('LogDestination writes lines in order at the end of the turn, or at once on flush', async t => {
  const path = join(t.testdir(), 'log')
  const descriptor = openSync(path, 'w')
  const log = new LogDestination(descriptor)
  log.write('one\n')
  log.write('zwölf\n')
  t.equal(readFileSync(path, 'utf8'), '')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(readFileSync(path, 'utf8'), 'one\nzwölf\n')
  log.write('last\n')
  log.flush()
  t.equal(readFileSync(path, 'utf8'), 'one\nzwölf\nlast\n')
  closeSync(descriptor)
})

t.test('LogDestination drops lines on a full disk without an error', async t => {
  const log = new LogDestination(openSync('/dev/full', 'w'))
  log.write('one\n')
  t.doesNotThrow(() => log.flush())
})

t.test('LogDestination writes every byte to a pipe with a slow reader', async t => {
  const { path, descriptor } = pipe(t)
  // The pipe holds less than 1 MB.
  const lines = Array.from({ length: 10_000 }, (_, n) => `${n}${'é'.repeat(50)}\n`)
  const reader = spawn('sh', ['-c', 'exec cat "$0" > "$1"', path, `${path}.read`], { stdio: ['ignore', 'inherit', 'inherit'] })
  const log = new LogDestination(descriptor)
  for (const line of lines) log.write(line)
  log.flush()
  closeSync(descriptor)
  await once(reader, 'exit')
  t.equal(readFileSync(`${path}.read`, 'utf8'), lines.join(''))
})

t.test('LogDestination drops lines for a pipe without a reader, and writes again after the first read', async t => {
  const { descriptor } = pipe(t)
  const log = new LogDestination(descriptor)
  for (let n = 0; n < 2; n++) {
    log.write('x'.repeat(1_000_000))
    log.flush()
  }
  const buffer = Buffer.alloc(65_536)
  readSync(descriptor, buffer)
  log.write('later\n')
  log.flush()
  const length = readSync(descriptor, buffer)
  t.equal(buffer.toString('utf8', 0, length), 'later\n')
  closeSync(descriptor)
})

/** A non-blocking pipe, open for reading and writing. */
function pipe (t: Test): { path: string, descriptor: number } {
  const path = join(t.testdir(), 'pipe')
  execFileSync('mkfifo', [path])
  return { path, descriptor: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) }
}
