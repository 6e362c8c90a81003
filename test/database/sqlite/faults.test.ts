// Each fault is a real one, under the service as a process of its own; where a machine does not let it happen, it is skipped.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bearer, environment, startPool } from '../../support/app.ts'
import { run, startService, until, type RunningProcess } from '../../support/service-process.ts'

interface Answer { status: number, code: string | undefined, retryAfter: string | null, text: string }

// Node ignores the signal that tells of a file over the limit; what the test runner loads into the process would end it.
const ignoreLimitSignal = ['--import', 'data:text/javascript,process.on("SIGXFSZ", () => {})']

/** A service over a file, with 400 articles in it, and what a user gets from it. */
async function start (t: Test) {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const variables = environment(pool, { DATABASE_URL: `sqlite:${path}` })
  const service = await startService(t, variables, { nodeArgs: ignoreLimitSignal })
  const headers = { ...bearer(pool.idToken()), 'content-type': 'application/json' }
  const ask = async (method: string, address: string, body?: object, key?: string): Promise<Answer> => {
    const response = await fetch(`${service.url}${address}`, { method, headers: { ...headers, ...key !== undefined && { 'idempotency-key': key } }, ...body && { body: JSON.stringify(body) } })
    const text = await response.text()
    return { status: response.status, code: /"code":"(\w+)"/.exec(text)?.[1], retryAfter: response.headers.get('retry-after'), text }
  }
  const create = (name: string, key?: string) => ask('POST', '/articles', { name }, key)
  t.equal((await create('first')).status, 201)
  const file = new BetterSqlite3(path)
  file.exec('insert into articles (name, name_key, created_at, updated_at) with recursive n (i) as (select 1 union all select i + 1 from n where i < 399) select name, name_key, created_at, updated_at from articles, n')
  file.close()
  return { path, variables, service, ask, create, ready: () => ask('GET', '/health/ready') }
}

/** That an answer is the contract's 503, which says nothing of the inside, and that the log says what is the matter. */
async function checkRefusal (t: Test, answer: Answer, { output }: RunningProcess, reason: RegExp): Promise<void> {
  t.match(answer, { status: 503, code: 'storage_unavailable', retryAfter: '1' })
  t.notMatch(answer.text, /sqlite|disk|lock|malformed|\.db|\bat /i)
  // The log is written later than the answer.
  await until(() => output.stdout.split('\n').some(line => line.includes('"level":50') && reason.test(line)))
}

function skip (t: Test, reason: string): void {
  t.pass(reason, { skip: true })
}

/** What prlimit says to a process: how large its files may be. */
function limitFiles (pid: number | undefined, bytes: string): boolean {
  return spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:unlimited`]).status === 0
}

t.test('storage that is full refuses writes, reads go on, and writes too once there is space', async t => {
  const { service, ask, create, ready } = await start(t)
  if (!limitFiles(service.child.pid, '300000')) return skip(t, 'there is no prlimit here')
  let created = 1
  let answer = await create('more')
  for (; answer.status === 201 && created < 200; created++) answer = await create('more')
  await checkRefusal(t, answer, service, /SQLITE_(FULL|IOERR)/)
  await checkRefusal(t, await create('keyed', 'a key'), service, /SQLITE_(FULL|IOERR)/)
  t.equal((await ask('GET', '/articles')).status, 200)
  t.equal((await ready()).status, 200)
  limitFiles(service.child.pid, 'unlimited')
  t.equal((await create('keyed', 'a key')).status, 201)
  const { length } = JSON.parse((await ask('GET', '/articles?after=400&limit=100')).text)
  t.equal(length, created, 'what was acknowledged, and nothing else')
})

t.test('a file that turned read-only refuses writes, reads go on, and writes too once it is writable', async t => {
  const { path, service, ask, create, ready } = await start(t)
  const chattr = (flag: string) => spawnSync('chattr', [flag, path, `${path}-wal`]).status === 0
  if (!chattr('+i')) return skip(t, 'chattr +i is not allowed here')
  try {
    await checkRefusal(t, await create('refused'), service, /SQLITE_(READONLY|IOERR)/)
    t.equal((await ask('GET', '/articles')).status, 200)
    t.equal((await ready()).status, 200)
  } finally {
    chattr('-i')
  }
  t.equal((await create('taken')).status, 201)
})

t.test('a lock that another process holds refuses writes after a while, and reads go on', async t => {
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
  for (const answer of await refused) await checkRefusal(t, answer, service, /SQLITE_BUSY/)
  other.exec('rollback')
  t.equal((await create('b', 'a key')).status, 201)
})

t.test('a damaged file is refused while the service runs, and keeps it from starting, with nothing written over', async t => {
  const { path, variables, service, ask, create, ready } = await start(t)
  const file = new BetterSqlite3(path)
  file.pragma('wal_checkpoint(truncate)')
  file.close()
  const pages = readFileSync(path).length / 4096
  const descriptor = openSync(path, 'r+')
  for (let page = 1; page < pages; page++) writeSync(descriptor, Buffer.alloc(4096, 0xab), 0, 4096, page * 4096)
  closeSync(descriptor)
  for (const answer of [await ask('GET', '/articles'), await create('refused'), await ready()]) {
    await checkRefusal(t, answer, service, /SQLITE_CORRUPT/)
  }
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)

  const damaged = readFileSync(path)
  const { exited, output } = run(t, 'src/server.ts', { PORT: '0', ...variables })
  t.equal(await exited, 1)
  t.match(output.stderr, /^The service cannot start: the database that DATABASE_URL names cannot be used: database disk image is malformed \(SQLITE_CORRUPT\)\n$/)
  t.ok(damaged.equals(readFileSync(path)))
})

t.test('a file that is moved away refuses everything at the next write, and the service goes on when it is back', async t => {
  const { path, service, ask, create, ready } = await start(t)
  renameSync(path, `${path}.moved`)
  await checkRefusal(t, await create('refused'), service, /SQLITE_READONLY_DBMOVED/)
  for (const answer of [await ask('GET', '/articles'), await create('refused', 'a key'), await ready()]) {
    await checkRefusal(t, answer, service, /SQLITE_READONLY_DBMOVED/)
  }
  renameSync(`${path}.moved`, path)
  await until(async () => (await ready()).status === 200)
  t.equal((await create('taken', 'a key')).status, 201)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
})
