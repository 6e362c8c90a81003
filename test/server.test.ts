import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bearer, environment, startPool } from './support/app.ts'
import { run, startService, until, type RunningProcess } from './support/service-process.ts'

// Most of the time is spent waiting for grace to pass.
t.jobs = 4

/** A connection on which a request is written by hand. */
async function connectTo (t: Test, url: string): Promise<{ socket: Socket, received: () => string }> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.on('data', chunk => { text += chunk }).on('error', () => {})
  return { socket, received: () => text }
}

function head (lines: Record<string, string | number>): string {
  return ['POST /articles HTTP/1.1', 'host: articles', 'content-type: application/json', ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
}

/** That a process refused to start: these lines on stderr, nothing else, and status 1. */
async function refusesToStart (t: Test, { output, exited }: RunningProcess, lines: RegExp[]): Promise<void> {
  t.equal(await exited, 1)
  const written = output.stderr.trimEnd().split('\n')
  t.match(written, lines)
  t.equal(written.length, lines.length, output.stderr)
  t.notMatch(output.stderr, /^ +at /m)
  t.notMatch(output.stdout, 'listening')
}

t.test('the service starts, verifies a token, and stops at a signal with status 0', async t => {
  const pool = await startPool(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const path = `${t.testdir()}/data/articles.db`
    const { url, child, exited, output } = await startService(t, environment(pool, { DATABASE_URL: `sqlite:${path}` }))
    t.equal((await fetch(`${url}/health/live`)).status, 200)
    await until(async () => (await fetch(`${url}/health/ready`)).ok)
    t.match(await (await fetch(`${url}/me`, { headers: bearer(pool.idToken()) })).json(), { username: 'alice' })
    t.equal((await fetch(`${url}/me`)).status, 401)

    child.kill(signal)
    t.equal(await exited, 0, signal)
    t.match(output.stdout, new RegExp(`"signal":"${signal}","msg":"stopping"`))
    t.equal(output.stderr, '')
    t.notOk(existsSync(`${path}-wal`), 'the database was closed')
  }
})

t.test('the service stops when npm is gone, although the shell between them forwards no signal', async t => {
  const pool = await startPool(t)
  const { NODE_ENV: _, ...env } = process.env
  const shell = spawn('sh', ['-c', `"${process.execPath}" src/server.ts; true`], {
    env: { ...env, ...environment(pool), PORT: '0', npm_lifecycle_event: 'start' }, stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  shell.stdout.on('data', chunk => { output += chunk })
  const closed = once(shell.stdout, 'close')
  await until(() => output.includes('Server listening at'))
  shell.kill('SIGKILL')
  // The service holds the pipe until it exits.
  await closed
  t.match(output, /"msg":"stopping because npm has stopped"/)
})

t.test('HOST takes localhost, :: and an address in brackets, and opens one listener', async t => {
  const pool = await startPool(t)
  for (const [HOST, address] of [['localhost', /^http:\/\/127\.0\.0\.1:/], ['[::1]', /^http:\/\/\[::1\]:/], ['::', /^http:\/\//]] as const) {
    const { url, child, exited, output } = await startService(t, environment(pool, { HOST }))
    t.match(url, address, HOST)
    t.equal((await fetch(`${url}/health/live`)).status, 200, HOST)
    if (HOST !== '::') t.equal(output.stdout.match(/Server listening/g)?.length, 1, HOST)
    child.kill('SIGTERM')
    t.equal(await exited, 0)
  }
})

t.test('a HOST that cannot be resolved is one line', async t => {
  const pool = await startPool(t)
  await refusesToStart(t, run(t, 'src/server.ts', environment(pool, { HOST: 'articles.invalid' })), [/^The service cannot start: .*articles\.invalid/])
})

t.test('a request in flight is finished, and no other is taken', async t => {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const { url, child, exited, output } = await startService(t, environment(pool, { DATABASE_URL: `sqlite:${path}` }))
  const body = JSON.stringify({ name: 'Slowly sent' })
  const { socket, received } = await connectTo(t, url)
  socket.write(head({ ...bearer(pool.idToken()), 'content-length': body.length }) + body.slice(0, 5))
  await until(async () => (await fetch(`${url}/health/ready`)).ok)

  child.kill('SIGTERM')
  await until(() => output.stdout.includes('stopping'))
  await until(async () => fetch(url).then(() => false, () => true))
  t.equal(child.exitCode, null)

  socket.write(body.slice(5))
  t.equal(await exited, 0)
  t.match(received(), /^HTTP\/1\.1 201 /)
  const file = new BetterSqlite3(path, { readonly: true })
  t.teardown(() => file.close())
  t.match(file.prepare('SELECT name FROM articles').all(), [{ name: 'Slowly sent' }])
})

t.test('a client that never finishes does not keep the service from stopping', async t => {
  const pool = await startPool(t)
  const { url, child, exited } = await startService(t, environment(pool))
  const { socket } = await connectTo(t, url)
  socket.write(head({ ...bearer(pool.idToken()), 'content-length': 100 }) + '{')
  const idle = await connectTo(t, url)
  await until(async () => (await fetch(`${url}/health/live`)).ok)

  const begun = performance.now()
  child.kill('SIGTERM')
  // Status 0 means before the 9.5 s after which it would have been 1; the rest is room for a busy machine.
  t.equal(await exited, 0)
  t.ok(performance.now() - begun < 15_000, `${performance.now() - begun} ms`)
  t.equal(idle.received(), '')
})

t.test('a fault that nothing caught is logged, and stops the service with status 1', async t => {
  const pool = await startPool(t)
  const fault = 'data:text/javascript,process.stdin.once("data", () => { throw new Error("out of the blue") })'
  const { child, exited, output } = await startService(t, environment(pool), { nodeArgs: ['--import', fault] })
  child.stdin?.write('now')
  t.equal(await exited, 1)
  t.match(output.stdout, /"level":60.*out of the blue.*"msg":"stopping after an uncaught exception"/)
})

t.test('every wrong variable is a line of its own, and none of them a stack', async t => {
  await refusesToStart(t, run(t, 'src/server.ts', {
    AWS_USER_POOLS_ID: 'nonsense',
    PORT: 'http',
    LOG_LEVEL: 'loud',
    DATABASE_URL: 'mysql://articles:hunter2@db',
    POST_CONFIRMATION_SECRET: 'hunter2'
  }), [
    /^AWS_USER_POOLS_ID: "nonsense" is invalid; expected user pool ids/,
    /^AWS_APP_CLIENT_ID: not set; expected app client ids/,
    /^POST_CONFIRMATION_SECRET: the value \(not shown\) is invalid; expected whsec_/,
    /^DATABASE_URL: the value \(not shown\) is invalid; expected sqlite:/,
    /^PORT: "http" is invalid; expected a port number/,
    /^LOG_LEVEL: "loud" is invalid; expected fatal/
  ])
})

t.test('a port that is taken is one line that names it', async t => {
  const pool = await startPool(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await refusesToStart(t, run(t, 'src/server.ts', environment(pool, { PORT: `${port}` })), [
    new RegExp(`^The service cannot start: .*127\\.0\\.0\\.1:${port}\\..* set PORT`)
  ])
})

t.test('a database that cannot be opened is one line without its password', async t => {
  const pool = await startPool(t)
  const folder = t.testdir({ 'articles.db': 'This is a letter, and not a database at all.' })
  for (const url of [`sqlite:${folder}`, `sqlite:${folder}/articles.db`, `sqlite:${folder}/articles.db/articles.db`, 'postgres://articles:hunter2@127.0.0.1:1/articles?start_timeout=1']) {
    const service = run(t, 'src/server.ts', environment(pool, { DATABASE_URL: url }))
    await refusesToStart(t, service, [/^The service cannot start: .+/])
    t.notMatch(service.output.stdout + service.output.stderr, 'hunter2')
  }
})

t.test('a database below /proc is one line, and no endless loop', { skip: process.platform !== 'linux' }, async t => {
  const { exited, output } = run(t, 'src/server.ts', environment(await startPool(t), { DATABASE_URL: 'sqlite:/proc/nope/x.db' }))
  t.equal(await exited, 1)
  t.match(output.stderr, /^The service cannot start: the database in DATABASE_URL is unusable: ENOENT: [^\n]*\/proc\/nope[^\n]*\n$/)
})

t.test('secrets are never written, even at the finest log level', async t => {
  const pool = await startPool(t)
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const { url, child, exited, output } = await startService(t, environment(pool, { LOG_LEVEL: 'trace', POST_CONFIRMATION_SECRET: secret }))
  const token = pool.idToken()
  await fetch(`${url}/me?token=${token}`, { headers: bearer(token) })
  child.kill('SIGTERM')
  await exited
  t.match(output.stdout, '"route":"/me"')
  t.notOk(output.stdout.includes(secret.slice(6)))
  t.notOk(output.stdout.includes(token.slice(-40)))
})

t.test('what is not HTTP does not stop the service', async t => {
  const pool = await startPool(t)
  const { url, child, exited, output } = await startService(t, environment(pool))
  for (const text of ['\x00\xff\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET\r\n\r\n', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(50_000)}\r\n\r\n`, head({ 'content-length': 5, 'transfer-encoding': 'chunked' })]) {
    const { socket, received } = await connectTo(t, url)
    socket.write(text)
    await once(socket, 'close')
    t.match(received(), /^HTTP\/1\.1 4\d\d [\s\S]*application\/problem\+json/, JSON.stringify(text.slice(0, 20)))
  }
  // A client that is gone before it is answered.
  const { socket } = await connectTo(t, url)
  socket.write('GET / HT')
  socket.resetAndDestroy()
  t.equal((await fetch(`${url}/health/live`)).status, 200)
  child.kill('SIGTERM')
  t.equal(await exited, 0)
  t.notMatch(output.stdout, '"level":50')
})
