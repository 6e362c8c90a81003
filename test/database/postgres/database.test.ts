import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import t, { type Test } from 'tap'
import { inTransaction } from '../../../src/database/transaction.ts'
import { listPendingMigrations, migrateToLatest } from '../../../src/database/migrate.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { startPostgres, startStandby, type PostgresServer } from '../../support/embedded-postgres.ts'
import { environment, startApp, startPool } from '../../support/app.ts'
import { codes, person, type Person } from '../../support/people.ts'
import { run, until } from '../../support/service-process.ts'
import { TcpRelay } from '../../support/tcp-relay.ts'

t.jobs = 3

const server = await startPostgres()
t.teardown(() => server.remove())

async function query (url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

let databases = 0

/** The URL of a new database on a server. @param port the port of a relay before the server */
async function newDatabase (on: PostgresServer = server, port = on.port): Promise<string> {
  const name = `articles_${++databases}`
  await query(`${on.url}/postgres`, `create database ${name}`)
  return `${on.url.replace(String(on.port), String(port))}/${name}`
}

async function startRelay (t: Test, target: number): Promise<TcpRelay> {
  const relay = await TcpRelay.start(target)
  t.teardown(() => relay.close())
  return relay
}

/** The URL with a longer connection timeout: parallel tests use the whole machine. */
function withLongTimeout (database: string): string {
  const url = new URL(database)
  if (!url.searchParams.has('connect_timeout')) url.searchParams.set('connect_timeout', '30')
  return url.href
}

async function alice (t: Test, database: string): Promise<Person> {
  const { app, pool } = await startApp(t, { DATABASE_URL: withLongTimeout(database) })
  const alice = person(app, pool, 'alice')
  t.equal((await alice.request('GET', '/articles')).statusCode, 200)
  return alice
}

async function checkUnavailable (t: Test, person: Person, method: 'GET' | 'POST' = 'GET'): Promise<void> {
  const response = await person.request(method, '/articles', method === 'POST' ? { payload: { name: 'Rejected' } } : {})
  t.strictSame(codes(response), [503, 'storage_unavailable'])
  t.equal(response.headers['retry-after'], '1')
}

async function waitUntilWritable (person: Person): Promise<void> {
  await until(async () => (await person.request('POST', '/articles', { payload: { name: 'Again' } })).statusCode === 201)
}

/**
 * Creates articles with eight clients at once.
 * @returns a function that stops them and returns the acknowledged names
 */
function keepCreating (t: Test, { request }: Person): () => Promise<string[]> {
  const acknowledged: string[] = []
  const work = { isRunning: true }
  const create = async (client: number) => {
    for (let n = 0; work.isRunning; n++) {
      const name = `${client}-${n}`
      const response = await request('POST', '/articles', { payload: { name } })
      if (response.statusCode === 201) acknowledged.push(name)
      else if (response.statusCode !== 503 || response.json().code !== 'storage_unavailable') t.fail(response.body)
      // Without a wait, eight rejected clients take the processor from the server that restarts.
      else await wait(10)
    }
  }
  const clients = Array.from({ length: 8 }, (_, client) => create(client))
  return async () => {
    work.isRunning = false
    await Promise.all(clients)
    return acknowledged
  }
}

async function storedNames (url: string): Promise<Set<unknown>> {
  return new Set((await query(url, 'select name from articles')).map(({ name }) => name))
}

t.test('connections have the application name, pool size and timeouts of the URL', async t => {
  const database = openDatabase(withLongTimeout(`${await newDatabase()}?application_name=blue&pool_max_conns=2&statement_timeout=1234`))
  const { db } = database
  t.teardown(() => database.close())
  const settings = await sql<Record<string, unknown>>`select current_setting('application_name') as name, current_setting('statement_timeout') as limit`.execute(db)
  t.strictSame(settings.rows, [{ name: 'blue', limit: '1234ms' }])
  await Promise.all(Array.from({ length: 6 }, () => sql`select pg_sleep(0.05)`.execute(db)))
  const open = await sql<{ count: number }>`select count(*) from pg_stat_activity where application_name = 'blue'`.execute(db)
  t.strictSame(open.rows, [{ count: 2 }])
})

t.test('ten services that start at once on one PostgreSQL migrate it once', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = withLongTimeout(await newDatabase())
  const services = Array.from({ length: 10 }, () => run(t, 'src/server.ts', environment(pool, { DATABASE_URL, PORT: '0' }), { covered: false }))
  await until(() => services.every(({ child, output }) => output.stdout.includes('listening') || child.exitCode !== null))
  t.strictSame(services.map(({ output }) => output.stderr).join(''), '')
  t.equal(services.filter(({ output }) => output.stdout.includes('database migrated')).length, 1)
  for (const { child } of services) child.kill('SIGTERM')
  t.strictSame(await Promise.all(services.map(({ exited }) => exited)), Array.from({ length: 10 }, () => 0))
})

t.test('migrateToLatest waits for a lock longer than the statement timeout of requests, and reports the wait', async t => {
  const url = await newDatabase()
  const database = openDatabase(withLongTimeout(`${url}?statement_timeout=300`))
  const { db } = database
  t.teardown(() => database.close())
  // The migration of another replica holds this lock until it is done.
  const other = openDatabase(withLongTimeout(url))
  t.teardown(() => other.close())
  await migrateToLatest(other)
  const [begun, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = other.db.transaction().execute(async transaction => {
    await sql`lock table kysely_migration_lock, kysely_migration in access exclusive mode`.execute(transaction)
    begun.resolve()
    await done.promise
  })
  await begun.promise
  const waited = Promise.withResolvers<void>()
  const migrating = migrateToLatest(database, waited.resolve)
  await t.rejects(listPendingMigrations(db), { message: /timeout/ }, 'a request times out')
  await waited.promise
  done.resolve()
  t.strictSame(await migrating, { applied: [], unknown: [] })
  await holding
})

t.test('inTransaction retries a transaction after a serialization failure', async t => {
  const database = openDatabase(withLongTimeout(`${await newDatabase()}?pool_max_conns=20&options=${encodeURIComponent('-c default_transaction_isolation=serializable')}`))
  const { db } = database
  t.teardown(() => database.close())
  await sql`create table counter (value integer)`.execute(db)
  await sql`insert into counter values (0)`.execute(db)
  let tries = 0
  await Promise.all(Array.from({ length: 6 }, () => inTransaction(db, async transaction => {
    tries++
    const { rows: [row] } = await sql<{ value: number }>`select value from counter`.execute(transaction)
    await wait(20)
    await sql`update counter set value = ${(row?.value ?? 0) + 1}`.execute(transaction)
  })))
  t.strictSame((await sql`select value from counter`.execute(db)).rows, [{ value: 6 }])
  t.ok(tries > 6, `${tries} tries`)
})

t.test('first requests of five users at once succeed where every transaction is serializable', async t => {
  const DATABASE_URL = withLongTimeout(`${await newDatabase()}?options=${encodeURIComponent('-c default_transaction_isolation=serializable')}`)
  const { app, pool } = await startApp(t, { DATABASE_URL })
  const people = Array.from({ length: 20 }, (_, n) => person(app, pool, `person-${n % 5}`))
  const responses = await Promise.all(people.map(({ request }, n) => request('POST', '/articles', { payload: { name: `${n}` }, headers: { 'idempotency-key': `${n % 10}` } })))
  for (const response of responses) t.match(response.statusCode, /201|422/, response.body)
})

t.test('a database restart under load is a 503, recovers by itself, and loses no acknowledged article', async t => {
  const own = await startPostgres()
  t.teardown(() => own.remove())
  const url = await newDatabase(own)
  const person = await alice(t, url)
  const stop = keepCreating(t, person)
  for (let times = 0; times < 2; times++) {
    await wait(300)
    await own.stop()
    await checkUnavailable(t, person)
    await checkUnavailable(t, person, 'POST')
    await own.start()
    await waitUntilWritable(person)
  }
  const acknowledged = await stop()
  const stored = await storedNames(url)
  t.ok(acknowledged.length > 20, `${acknowledged.length} created`)
  t.strictSame(acknowledged.filter(name => !stored.has(name)), [])
})

t.test('an exhausted pool is a 503, and recovers', async t => {
  const url = await newDatabase()
  const person = await alice(t, `${url}?pool_max_conns=2&connect_timeout=1&statement_timeout=2500`)
  const locker = new pg.Client(url)
  await locker.connect()
  await locker.query('begin; lock table articles in access exclusive mode')
  // Two queries wait for the lock, and eight wait for a connection.
  const responses = await Promise.all(Array.from({ length: 10 }, () => person.request('GET', '/articles')))
  t.strictSame(responses.map(codes), Array.from({ length: 10 }, () => [503, 'storage_unavailable']))
  await locker.query('rollback')
  await locker.end()
  await waitUntilWritable(person)
})

t.test('a cancelled query and a terminated connection are a 503 each', async t => {
  const url = await newDatabase()
  const person = await alice(t, url)
  for (const end of ['pg_cancel_backend', 'pg_terminate_backend']) {
    const locker = new pg.Client(url)
    await locker.connect()
    await locker.query('begin; lock table articles in access exclusive mode')
    const waiting = Promise.all(Array.from({ length: 3 }, () => checkUnavailable(t, person, 'POST')))
    await until(async () => {
      await locker.query(`select ${end}(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
      return Promise.race([waiting.then(() => true), wait(50, false)])
    })
    await locker.query('rollback')
    await locker.end()
    await waitUntilWritable(person)
  }
})

t.test('a silent connection times out, and the next request gets a new one', async t => {
  const relay = await startRelay(t, server.port)
  const person = await alice(t, `${await newDatabase(server, relay.port)}?pool_max_conns=1&connect_timeout=3&statement_timeout=200`)
  relay.silence()
  await checkUnavailable(t, person)
  await checkUnavailable(t, person, 'POST')
  relay.restore()
  await waitUntilWritable(person)
})

t.test('a failover to a standby: reads, writes and readiness are a 503 until the promotion, no acknowledged article is lost', async t => {
  const primary = await startPostgres()
  t.teardown(() => primary.remove())
  const database = await newDatabase(primary)
  const standby = await startStandby(primary)
  t.teardown(() => standby.remove())
  const relay = await startRelay(t, primary.port)
  const person = await alice(t, database.replace(String(primary.port), String(relay.port)))
  // From here on a commit is one once the standby has it.
  await query(`${primary.url}/postgres`, "alter system set synchronous_standby_names = 'standby'")
  await query(`${primary.url}/postgres`, 'select pg_reload_conf()')
  await until(async () => (await query(`${primary.url}/postgres`, "select 1 from pg_stat_replication where sync_state = 'sync'")).length === 1)

  const stop = keepCreating(t, person)
  await waitUntilWritable(person)
  relay.target = standby.port
  relay.cut()
  await primary.stop()
  const onStandby = openDatabase(database.replace(String(primary.port), String(standby.port)))
  t.teardown(() => onStandby.close())
  await t.rejects(migrateToLatest(onStandby), { message: 'the server is a standby; DATABASE_URL must name the primary' })
  for (let times = 0; times < 3; times++) {
    await checkUnavailable(t, person)
    await checkUnavailable(t, person, 'POST')
  }
  await until(async () => (await person.request('GET', '/health/ready')).statusCode === 503)

  await query(`${standby.url}/postgres`, 'select pg_promote()')
  await waitUntilWritable(person)
  await until(async () => (await person.request('GET', '/health/ready')).statusCode === 200)
  const acknowledged = await stop()
  const stored = await storedNames(database.replace(String(primary.port), String(standby.port)))
  t.ok(acknowledged.length > 0)
  t.strictSame(acknowledged.filter(name => !stored.has(name)), [])
})

t.test('a connection to a primary that became read-only is replaced by one to the new primary', async t => {
  const url = await newDatabase()
  const relay = await startRelay(t, server.port)
  const person = await alice(t, url.replace(String(server.port), String(relay.port)))
  const own = await startPostgres('-c', 'default_transaction_read_only=on')
  t.teardown(() => own.remove())
  const name = new URL(url).pathname.slice(1)
  await query(`${own.url}/postgres`, 'set default_transaction_read_only = off').then(() => query(`${own.url}/postgres?options=${encodeURIComponent('-c default_transaction_read_only=off')}`, `create database ${name}`))
  const readOnly = openDatabase(withLongTimeout(`${own.url}/${name}?options=${encodeURIComponent('-c default_transaction_read_only=off')}`))
  await migrateToLatest(readOnly)
  await readOnly.close()

  relay.target = own.port
  relay.cut()
  await until(async () => (await person.request('GET', '/articles')).statusCode === 503)
  relay.target = server.port
  await waitUntilWritable(person)
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

t.test('sslmode and sslrootcert decide about encryption and the certificate', { skip: hasOpenssl ? false : 'needs OpenSSL: apt-get install openssl' }, async t => {
  const folder = t.testdir()
  const issue = (name: string, subject: string) => {
    const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate, '-subj', `/CN=${subject}`, '-addext', `subjectAltName=DNS:${subject}`], { stdio: 'ignore' })
    return { key, certificate }
  }
  const own = await startPostgres()
  t.teardown(() => own.remove())
  const { key, certificate } = issue('server', 'db.example')
  const other = issue('other', 'db.example')
  const { uid, gid } = statSync(own.folder)
  execFileSync('cp', [key, join(own.folder, 'server.key')])
  execFileSync('cp', [certificate, join(own.folder, 'server.crt')])
  for (const name of ['server.key', 'server.crt']) chownSync(join(own.folder, name), uid, gid)
  execFileSync('chmod', ['600', join(own.folder, 'server.key')])
  await query(`${own.url}/postgres`, 'alter system set ssl = on')
  await query(`${own.url}/postgres`, 'select pg_reload_conf()')
  await until(async () => (await query(`${own.url}/postgres`, 'show ssl'))[0]?.ssl === 'on')

  const isEncrypted = async (query: string) => {
    const database = openDatabase(withLongTimeout(`${own.url}/postgres?${query}`))
    const { db } = database
    try {
      return (await sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(db)).rows[0]?.ssl
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : error
    } finally {
      await database.close()
    }
  }
  t.equal(await isEncrypted(''), false)
  t.equal(await isEncrypted('sslmode=disable'), false)
  t.equal(await isEncrypted('sslmode=require'), true)
  t.equal(await isEncrypted(`sslmode=verify-ca&sslrootcert=${certificate}`), true)
  t.equal(await isEncrypted(`sslmode=verify-ca&sslrootcert=${other.certificate}`), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  t.equal(await isEncrypted(`sslmode=require&sslrootcert=${other.certificate}`), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  t.equal(await isEncrypted('sslmode=verify-full'), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  t.equal(await isEncrypted(`sslmode=verify-full&sslrootcert=${certificate}`), 'ERR_TLS_CERT_ALTNAME_INVALID', 'the server is not called 127.0.0.1')
})
