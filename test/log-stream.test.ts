import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { LogStream } from '../src/log-stream.ts'

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
  // The other end of the pipe is Node's, and does not block: 1 MB does not fit into it.
  const script = `
    import { LogStream } from '${new URL('../src/log-stream.ts', import.meta.url)}'
    const log = new LogStream(1)
    for (let n = 0; n < 10_000; n++) log.write(n + 'é'.repeat(50) + '\\n')
    log.flush()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    text += chunk
    await wait(1)
  }
  t.equal(text, Array.from({ length: 10_000 }, (_, n) => `${n}${'é'.repeat(50)}\n`).join(''))
  t.equal((await exited)[0], 0)
})
