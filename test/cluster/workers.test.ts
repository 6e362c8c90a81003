import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { bearer, environment, newDatabase, startPool } from '../support/app.ts'
import { run, startService, until, type RunningService } from '../support/service-process.ts'

t.setTimeout(600_000)

interface LogLine { pid: number, msg: string, [name: string]: unknown }

function logOf ({ output }: Pick<RunningService, 'output'>): LogLine[] {
  return output.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line))
}

/** The process ids of the workers that began to listen, in that order. */
function listeners (service: RunningService): number[] {
  return logOf(service).filter(({ msg }) => msg.startsWith('Server listening at')).map(({ pid }) => pid)
}

/** The service with two workers, both listening. */
async function startTwo (t: Test, changes: Record<string, string> = {}, covered = false): Promise<RunningService & { token: string }> {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const service = await startService(t, environment(pool, { DATABASE_URL, WEB_CONCURRENCY: '2', ...changes }), { covered })
  await until(() => listeners(service).length === 2)
  return { ...service, token: pool.idToken() }
}

/** Stops the service. Its processes write what they covered when they exit. */
async function stop (t: Test, service: RunningService): Promise<void> {
  service.child.kill('SIGTERM')
  // Status 0 means before the 9.7 s after which it would have been 1.
  t.equal(await service.exited, 0)
  t.notOk(listeners(service).some(isRunning), 'no worker is left')
  t.equal(service.output.stderr, '')
}

/** A request on a connection of its own, so that the workers take turns. */
async function ask (service: RunningService & { token: string }, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${service.url}${path}`, { signal: AbortSignal.timeout(10_000), ...init, headers: { connection: 'close', ...bearer(service.token), ...init.headers } })
}

t.test('WEB_CONCURRENCY=2 starts two workers over one listener and one database', async t => {
  const service = await startTwo(t)
  const created = await ask(service, '/articles', { method: 'POST', body: '{"name":"One"}', headers: { 'content-type': 'application/json' } })
  t.equal(created.status, 201)
  for (let n = 0; n < 4; n++) t.match(await (await ask(service, '/articles')).json(), [{ name: 'One' }])
  const answered = new Set(logOf(service).filter(({ msg }) => msg === 'request').map(({ pid }) => pid))
  t.strictSame([...answered].sort(), listeners(service).sort(), 'both workers answered')
  t.notOk(answered.has(service.child.pid ?? 0), 'the primary serves no requests')
})

t.test('workers share rate limits without Redis', async t => {
  const service = await startTwo(t, { RATE_LIMIT_MAX: '4' }, true)
  for (let left = 3; left >= 0; left--) t.match((await ask(service, '/me')).headers.get('ratelimit'), `"user";r=${left};`)
  for (let n = 0; n < 3; n++) t.equal((await ask(service, '/me')).status, 429)
  const anonymous = async () => fetch(`${service.url}/nothing`, { headers: { connection: 'close' } })
  for (let left = 3; left >= 0; left--) t.match((await anonymous()).headers.get('ratelimit'), `"address";r=${left};`)
  for (let n = 0; n < 3; n++) t.equal((await anonymous()).status, 429)
  await stop(t, service)
})

t.test('a worker that dies is replaced', async t => {
  const service = await startTwo(t, {}, true)
  const [first = 0] = listeners(service)
  process.kill(first, 'SIGKILL')
  await until(() => listeners(service).length === 3)
  t.match(logOf(service).find(({ msg }) => msg === 'a worker ended and is replaced'), { level: 50, worker: 1, workerPid: first, signal: 'SIGKILL' })
  for (let n = 0; n < 4; n++) t.equal((await ask(service, '/me')).status, 200)
  await stop(t, service)
})

t.test('SIGHUP restarts the workers one by one, and every response is a 200', async t => {
  const service = await startTwo(t, {}, true)
  // A probe that asks goes on asking: a restart must not make readiness fail.
  for (let n = 0; n < 6; n++) await ask(service, '/health/ready')
  const before = listeners(service)
  const over = new AbortController()
  const statuses = new Set<number>()
  // Node's cluster may lose a connection that it sends to a worker in the moment in which the worker exits.
  const asking = (async () => { while (!over.signal.aborted) for (const path of ['/me', '/health/ready']) await ask(service, path).then(({ status }) => statuses.add(status), () => {}) })()
  service.child.kill('SIGHUP')
  await until(() => logOf(service).filter(({ msg }) => msg === 'stopping, because another worker takes over').length === 2)
  await until(() => before.every(pid => !isRunning(pid)))
  over.abort()
  await asking
  t.strictSame([...statuses], [200])
  const after = listeners(service).slice(2)
  t.equal(after.length, 2)
  t.notOk(after.some(pid => before.includes(pid)))
  await stop(t, service)
})

t.test('the service with workers stops at SIGINT with status 0', async t => {
  const service = await startTwo(t)
  t.equal((await ask(service, '/me')).status, 200)
  service.child.kill('SIGINT')
  t.equal(await service.exited, 0)
  t.notOk(listeners(service).some(isRunning), 'no worker is left')
})

t.test('a worker that hangs is ended, and the service stops with status 1 within 10 seconds', async t => {
  const service = await startTwo(t)
  const [first = 0] = listeners(service)
  process.kill(first, 'SIGSTOP')
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 1)
  t.notOk(isRunning(first))
})

t.test('a port that is taken is one line and status 1 also with workers', async t => {
  const pool = await startPool(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = Object(other.address())
  const { exited, output } = run(t, 'src/server.ts', environment(pool, { DATABASE_URL: await newDatabase(t), WEB_CONCURRENCY: '2', PORT: `${port}` }))
  t.equal(await exited, 1)
  t.match(output.stderr.trimEnd().split('\n'), [/^The service cannot start: /])
  t.equal(output.stderr.trimEnd().split('\n').length, 1, output.stderr)
})

t.test('METRICS_PORT serves the metrics of all workers, told apart by a label', async t => {
  const service = await startTwo(t, { METRICS_PORT: '0' }, true)
  const address = () => /Metrics served at (http:[^"]+)/.exec(service.output.stdout)?.[1]
  await until(() => address() !== undefined)
  for (let n = 0; n < 4; n++) await ask(service, '/me')
  const text = await (await fetch(address() ?? '')).text()
  for (const worker of [1, 2]) {
    t.match(text, new RegExp(`^http_request_duration_seconds_count\\{.*route="/me".*worker="${worker}".*\\} 2$`, 'm'))
    t.match(text, new RegExp(`^process_start_time_seconds\\{worker="${worker}"\\} \\d+$`, 'm'))
  }
  t.equal(text.match(/^# TYPE http_request_duration_seconds /gm)?.length, 1)
  await stop(t, service)
})

t.test('a worker that hangs is left out of the metrics', async t => {
  const service = await startTwo(t, { METRICS_PORT: '0' })
  const address = () => /Metrics served at (http:[^"]+)/.exec(service.output.stdout)?.[1]
  await until(() => address() !== undefined)
  const [first = 0] = listeners(service)
  process.kill(first, 'SIGSTOP')
  // A stopped process would hold the output of the service for good.
  t.teardown(() => process.kill(first, 'SIGCONT'))
  const text = await (await fetch(address() ?? '')).text()
  t.match(text, 'worker="2"')
  t.notMatch(text, 'worker="1"')
})

function isRunning (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
