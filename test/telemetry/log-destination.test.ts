import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LogStream } from '../../src/telemetry/log-destination.ts'

t.test('lines are written in their order, at the end of the turn in which they came, or before where that is asked', async t => {
  const path = join(t.testdir(), 'log')
  const descriptor = openSync(path, 'w')
  const log = new LogStream(descriptor)
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

t.test('what cannot be written is lost, and nothing is thrown', async t => {
  const log = new LogStream(openSync('/dev/full', 'w'))
  log.write('one\n')
  t.doesNotThrow(() => log.flush())
})

t.test('a pipe whose reader is slow gets every byte', async t => {
  const { path, descriptor } = pipe(t)
  // 1 MB does not fit into it.
  const lines = Array.from({ length: 10_000 }, (_, n) => `${n}${'é'.repeat(50)}\n`)
  const reader = spawn('sh', ['-c', 'exec cat "$0" > "$1"', path, `${path}.read`], { stdio: ['ignore', 'inherit', 'inherit'] })
  const log = new LogStream(descriptor)
  for (const line of lines) log.write(line)
  log.flush()
  closeSync(descriptor)
  await once(reader, 'exit')
  t.equal(readFileSync(`${path}.read`, 'utf8'), lines.join(''))
})

t.test('a pipe that nobody reads loses lines, and gets the later ones once somebody does', async t => {
  const { descriptor } = pipe(t)
  const log = new LogStream(descriptor)
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

/** A pipe that can be read and written, and keeps nobody waiting. */
function pipe (t: Test): { path: string, descriptor: number } {
  const path = join(t.testdir(), 'pipe')
  execFileSync('mkfifo', [path])
  return { path, descriptor: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) }
}
