// Each fault is real, and the service is a separate process. A fault that the machine does not allow is
// skipped.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bearer, environment, startPool } from '../../support/app.ts'
import { run, startService, until, type RunningProcess } from '../../support/service-process.ts'

interface Response { status: number, code: string | undefined, retryAfter: string | null, text: string }

// Node ignores the signal for a file over its size limit. The code that the test runner loads would end the
// process.
const ignoreLimitSignal = ['--import', 'data:text/javascript,process.on("SIGXFSZ", () => {})']

/** A service on a file with 400 articles, and functions that send requests to it. */
async function start (t: Test) {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const variables = environment(pool, { DATABASE_URL: `sqlite:${path}` })
  const service = await startService(t, variables, { nodeArgs: ignoreLimitSignal })
  const headers = { ...bearer(pool.idToken()), 'content-type': 'application/json' }
  const ask = async (method: string, address: string, body?: object, key?: string): Promise<Response> => {
    const reply = await fetch(`${service.url}${address}`, { method, headers: { ...headers, ...key !== undefined && { 'idempotency-key': key } }, ...body && { body: JSON.stringify(body) } })
    const text = await reply.text()
    return { status: reply.status, code: /"code":"(\w+)"/.exec(text)?.[1], retryAfter: reply.headers.get('retry-after'), text }
  }
  const create = (name: string, key?: string) => ask('POST', '/articles', { name }, key)
  t.equal((await create('first')).status, 201)
  const file = new BetterSqlite3(path)
  file.exec('insert into articles (name, name_key, created_at, updated_at) with recursive n (i) as (select 1 union all select i + 1 from n where i < 399) select name, name_key, created_at, updated_at from articles, n')
  file.close()
  return { path, variables, service, ask, create, ready: () => ask('GET', '/health/ready') }
}

/** Checks that a response is the contract's 503 without internals, and that the log names the reason. */
async function checkRefusal (t: Test, response: Response, { output }: RunningProcess, reason: RegExp): Promise<void> {
  t.match(response, { status: 503, code: 'storage_unavailable', retryAfter: '1' })
  t.notMatch(response.text, /sqlite|disk|lock|malformed|\.db|\bat /i)
  // The log line is written after the response.
  await until(() => output.stdout.split('\n').some(line => line.includes('"level":50') && reason.test(line)))
}

function skip (t: Test, reason: string): void {
  t.pass(reason, { skip: true })
}

/** Sets the maximum size of a process's files. */
function limitFiles (pid: number | undefined, bytes: string): boolean {
  return spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:unlimited`]).status === 0
}

t.test('a full disk rejects writes, allows reads, and allows writes again once there is space', async t => {
  const { service, ask, create, ready } = await start(t)
  if (!limitFiles(service.child.pid, '300000')) return skip(t, 'needs prlimit')
  let created = 1
  let response = await create('more')
  for (; response.status === 201 && created < 200; created++) response = await create('more')
  await checkRefusal(t, response, service, /SQLITE_(FULL|IOERR)/)
  await checkRefusal(t, await create('keyed', 'a key'), service, /SQLITE_(FULL|IOERR)/)
  t.equal((await ask('GET', '/articles')).status, 200)
  t.equal((await ready()).status, 200)
  limitFiles(service.child.pid, 'unlimited')
  t.equal((await create('keyed', 'a key')).status, 201)
  const { length } = JSON.parse((await ask('GET', '/articles?after=400&limit=100')).text)
  t.equal(length, created, 'exactly the acknowledged articles are stored')
})

t.test('a read-only file rejects writes, allows reads, and allows writes again once it is writable', async t => {
  const { path, service, ask, create, ready } = await start(t)
  const chattr = (flag: string) => spawnSync('chattr', [flag, path, `${path}-wal`]).status === 0
  if (!chattr('+i')) return skip(t, 'needs permission for chattr +i')
  try {
    await checkRefusal(t, await create('refused'), service, /SQLITE_(READONLY|IOERR)/)
    t.equal((await ask('GET', '/articles')).status, 200)
    t.equal((await ready()).status, 200)
  } finally {
    chattr('-i')
  }
  t.equal((await create('taken')).status, 201)
})

t.test('a lock of another process rejects writes after 5 seconds, and allows reads', async t => {
  const { path, service, ask, create, ready } = await start(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const writes = [create('a'), create('b', 'a key'), create('c', 'another key'), ask('PATCH', '/articles/1', { name: 'd' })]
  const refused = Promise.all(writes)
  let reads = 0
  while (await Promise.race([refused, wait(200)]) === undefined) {
    t.equal((await ask('GET', `/articles?limit=1&after=${++reads}`)).status, 200)
    t.equal((await ready()).status, 200)
  }
  t.ok(reads > 1, `${reads} reads while the writes waited`)
  for (const response of await refused) await checkRefusal(t, response, service, /SQLITE_BUSY/)
  other.exec('rollback')
  t.equal((await create('b', 'a key')).status, 201)
})

t.test('a damaged file rejects requests and prevents the next start, and is not overwritten', async t => {
  const { path, variables, service, ask, create, ready } = await start(t)
  const file = new BetterSqlite3(path)
  file.pragma('wal_checkpoint(truncate)')
  file.close()
  const pages = readFileSync(path).length / 4096
  const descriptor = openSync(path, 'r+')
  for (let page = 1; page < pages; page++) writeSync(descriptor, Buffer.alloc(4096, 0xab), 0, 4096, page * 4096)
  closeSync(descriptor)
  for (const response of [await ask('GET', '/articles'), await create('refused'), await ready()]) {
    await checkRefusal(t, response, service, /SQLITE_CORRUPT/)
  }
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)

  const damaged = readFileSync(path)
  const { exited, output } = run(t, 'src/server.ts', { PORT: '0', ...variables })
  t.equal(await exited, 1)
  t.match(output.stderr, /^The service cannot start: the database in DATABASE_URL is unusable: database disk image is malformed \(SQLITE_CORRUPT\)\n$/)
  t.ok(damaged.equals(readFileSync(path)))
})

t.test('a moved file rejects everything from the next write, and the service recovers when the file is back', async t => {
  const { path, service, ask, create, ready } = await start(t)
  renameSync(path, `${path}.moved`)
  await checkRefusal(t, await create('refused'), service, /SQLITE_READONLY_DBMOVED/)
  for (const response of [await ask('GET', '/articles'), await create('refused', 'a key'), await ready()]) {
    await checkRefusal(t, response, service, /SQLITE_READONLY_DBMOVED/)
  }
  renameSync(`${path}.moved`, path)
  await until(async () => (await ready()).status === 200)
  t.equal((await create('taken', 'a key')).status, 201)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
})
