// A pooler between the service and PostgreSQL: PgBouncer in transaction mode where it is installed, and always a small stand-in
// for what PgBouncer 1.18 does at the start of a connection.

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import t, { type Test } from 'tap'
import { isStorageUnavailable } from '../../../src/database/errors.ts'
import { migrateToLatest } from '../../../src/database/migrate.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { environment, startPool } from '../../support/app.ts'
import { freePort, startPostgres } from '../../support/embedded-postgres.ts'
import { startService, until } from '../../support/service-process.ts'
import { bearer } from '../../support/app.ts'

const server = await startPostgres('-c', 'fsync=off')
t.teardown(() => server.remove())

let databases = 0

async function query (statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(`${server.url}/postgres`)
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

/** Waits until no backend runs a statement with this text. */
async function untilCancelled (text: string): Promise<void> {
  await until(async () => (await query(`select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${text}%'`)).length === 0)
}

async function newDatabase (port: number, parameters = ''): Promise<string> {
  const name = `pooled_${++databases}`
  await query(`create database ${name}`)
  return `postgres://postgres:postgres@127.0.0.1:${port}/${name}?connect_timeout=30${parameters}`
}

/** Rejects the start-up parameter `statement_timeout`, and hides that the server reports `in_hot_standby`. */
async function startStrictPooler (t: Test): Promise<number> {
  const sockets = new Set<Socket>()
  const pooler = createServer(client => {
    const backend = connect(server.port, '127.0.0.1')
    for (const socket of [client, backend]) sockets.add(socket.on('error', () => {}))
    client.once('data', start => {
      if (start.includes('statement_timeout')) {
        const fields = 'SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0'
        const message = Buffer.alloc(5 + fields.length)
        message.write('E', 0)
        message.writeInt32BE(4 + fields.length, 1)
        message.write(fields, 5)
        client.end(message)
        backend.destroy()
        return
      }
      backend.write(start)
      client.pipe(backend)
    })
    backend.on('data', chunk => client.write(Buffer.from(chunk.toString('latin1').replace('in_hot_standby', 'xx_hot_standby'), 'latin1')))
    backend.on('close', () => client.destroy())
  })
  const port = await freePort()
  await new Promise<void>(resolve => pooler.listen(port, '127.0.0.1', resolve))
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => pooler.close(resolve))
  })
  return port
}

const hasPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0

/** PgBouncer in transaction mode with its default settings. */
async function startPgBouncer (t: Test): Promise<number> {
  const port = await freePort()
  const folder = t.testdir()
  writeFileSync(`${folder}/pgbouncer.ini`, `
    [databases]
    * = host=127.0.0.1 port=${server.port} user=postgres password=postgres
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = ${port}
    unix_socket_dir =
    auth_type = any
    pool_mode = transaction`.replace(/^ +/gm, ''))
  chmodSync(`${folder}/pgbouncer.ini`, 0o644)
  const child = spawn('pgbouncer', [...process.getuid?.() === 0 ? ['-u', 'nobody'] : [], `${folder}/pgbouncer.ini`], { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
  })
  const isListening = () => new Promise<boolean>(resolve => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) }).on('error', () => resolve(false))
  })
  await until(isListening)
  return port
}

for (const [name, startPooler] of Object.entries({ PgBouncer: startPgBouncer, 'a strict pooler': startStrictPooler })) {
  const skip = name === 'PgBouncer' && !hasPgBouncer && 'needs PgBouncer: apt-get install pgbouncer'

  t.test(`the service runs behind ${name}, and logs the rejected parameter once`, { skip }, async t => {
    const pool = await startPool(t)
    const DATABASE_URL = await newDatabase(await startPooler(t))
    const service = await startService(t, environment(pool, { DATABASE_URL }))
    const headers = { ...bearer(pool.idToken()), 'content-type': 'application/json' }
    const create = (n: number) => fetch(`${service.url}/articles`, { method: 'POST', headers, body: JSON.stringify({ name: `article ${n}` }) })
    const responses = await Promise.all(Array.from({ length: 30 }, (_, n) => create(n)))
    t.strictSame(responses.map(({ status }) => status), Array.from({ length: 30 }, () => 201))
    t.equal((await fetch(`${service.url}/health/ready`)).status, 200)
    service.child.kill('SIGTERM')
    t.equal(await service.exited, 0)
    t.equal(service.output.stdout.split('the connection pooler rejects statement_timeout').length - 1, 1)
  })

  t.test(`a query behind ${name} times out, and is cancelled at the server`, { skip }, async t => {
    const database = openDatabase(await newDatabase(await startPooler(t), '&statement_timeout=200'))
    t.teardown(() => database.close())
    await migrateToLatest(database)
    const error: unknown = await sql`select pg_sleep(300) as slow_behind_pooler`.execute(database.db).catch(error => error)
    t.match(error, { message: 'Query read timeout' })
    t.ok(isStorageUnavailable(error))
    await untilCancelled('slow_behind_pooler')
    t.strictSame((await sql`select 1 as one`.execute(database.db)).rows, [{ one: 1 }])
  })
}

t.test('statement_timeout=0 keeps the query timeout of the driver', async t => {
  const url = await newDatabase(server.port)
  const { createPool } = await import('../../../src/database/postgres/pool.ts')
  const { readPostgresUrl } = await import('../../../src/database/postgres/url.ts')
  const settings = readPostgresUrl(`${url}&statement_timeout=0`)
  if (settings === undefined) throw new Error('the URL is valid')
  const pooler = { acceptsStatementTimeout: true, onNotice: () => {} }
  const { options } = createPool(settings, pooler, { maxConnections: 1, hasTimeLimits: true })
  t.match(options, { statement_timeout: 0, query_timeout: 60_000, maxLifetimeSeconds: 1_800 })
  t.equal(createPool(settings, pooler, { maxConnections: 1, hasTimeLimits: false }).options.query_timeout, undefined)
})

t.test('a database that starts after the service is waited for', async t => {
  const own = await startPostgres('-c', 'fsync=off')
  t.teardown(() => own.remove())
  await own.stop()
  const notices: string[] = []
  const database = openDatabase(`${own.url}/postgres?connect_timeout=30`, { onNotice: message => { notices.push(message) } })
  t.teardown(() => database.close())
  const migrating = migrateToLatest(database)
  await until(() => notices.length > 0)
  await own.start()
  t.ok((await migrating).applied.length > 0)
  t.strictSame(notices, ['waiting for the database'])
})

t.test('a database that stays away prevents the start after start_timeout, and a wrong password at once', async t => {
  const away = openDatabase('postgres://articles@127.0.0.1:1/articles?start_timeout=1')
  t.teardown(() => away.close())
  await t.rejects(migrateToLatest(away), { code: 'ECONNREFUSED' })

  const notices: string[] = []
  const wrong = openDatabase(server.url.replace(':postgres@', ':wrong@') + '/postgres', { onNotice: message => { notices.push(message) } })
  t.teardown(() => wrong.close())
  await t.rejects(migrateToLatest(wrong), { code: '28P01' })
  await wait(0)
  t.strictSame(notices, [])
})
