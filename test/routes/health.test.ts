import { renameSync } from 'node:fs'
import { sql } from 'kysely'
import t from 'tap'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { startOnWire } from '../support/wire.ts'
import { until } from '../support/service-process.ts'

t.test('GET /health/live is public', async t => {
  const { app } = await startApp(t)
  const response = await app.inject('/health/live')
  t.equal(response.statusCode, 200)
  t.strictSame(response.json(), { status: 'ok' })
})

t.test('GET /health/ready is a 503 until the first keys are fetched', async t => {
  const pool = await startPool(t)
  pool.answer = (_request, response) => response.writeHead(500).end()
  const { app } = await startApp(t, {}, pool)
  const response = await app.inject('/health/ready')
  t.match(response, { statusCode: 503, headers: { 'content-type': /problem\+json/, 'retry-after': '1' } })
  t.match(response.json(), { code: 'identity_provider_unavailable' })
  t.equal((await app.inject('/health/live')).statusCode, 200)

  pool.answer = pool.publish
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
  await pool.down()
  t.equal((await app.inject('/health/ready')).statusCode, 200)
})

t.test('GET /health/ready is a 503 while migrations are pending', async t => {
  const { app } = await startApp(t)
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
  await sql`DELETE FROM kysely_migration`.execute(app.db)
  await until(async () => (await app.inject('/health/ready')).statusCode !== 200)
  const response = await app.inject('/health/ready')
  t.match(response, { statusCode: 503, headers: { 'retry-after': '1' } })
  t.match(response.json(), { code: 'storage_unavailable' })
})

t.test('GET /health/ready ignores an applied migration that this version does not know', async t => {
  const { app } = await startApp(t)
  await sql`INSERT INTO kysely_migration (name, timestamp) VALUES ('2999-01-01-01-future', 'now')`.execute(app.db)
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
})

t.test('GET /health/live and /health/ready serve 10 pipelined requests of a connection and reject the rest with 429', async t => {
  const { exchange } = await startOnWire(t)
  for (const url of ['/health/live', '/health/ready']) {
    const get = `GET ${url} HTTP/1.1\r\nHost: a\r\n`
    const { codes } = await exchange(`${`${get}\r\n`.repeat(29)}${get}Connection: close\r\n\r\n`)
    t.strictSame(codes.filter(code => code === 'rate_limited').length, 20, url)
  }
})

t.test('GET /health/ready logs one failure of the database once', async t => {
  const path = `${t.testdir()}/articles.db`
  const { app, log } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
  renameSync(path, `${path}.away`)
  await until(async () => (await app.inject('/health/ready')).statusCode !== 200)
  const failures = () => log.filter(line => line.includes('The database does not respond')).length
  const before = failures()
  const responses = await Promise.all(Array.from({ length: 20 }, () => app.inject('/health/ready')))
  t.ok(responses.every(({ statusCode }) => statusCode === 503))
  // The result of a check is cached for a second, so there may be a second failure.
  t.ok(failures() - before <= 1)
})

t.test('GET /health/ready does not wait for connections in use by requests', { skip: process.env.TEST_DATABASE_URL === undefined && 'SQLite has no pool' }, async t => {
  const url = new URL(await newDatabase(t))
  url.searchParams.set('pool_max_conns', '1')
  const { app } = await startApp(t, { DATABASE_URL: url.href })
  await until(async () => app.cognito.isReady())
  await app.db.transaction().execute(async () => {
    t.equal((await app.inject('/health/ready')).statusCode, 200)
  })
})

t.test('GET /health/ready is a 503 while the database is unreachable', async t => {
  const path = `${t.testdir()}/articles.db`
  const { app } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)

  renameSync(path, `${path}.away`)
  await until(async () => (await app.inject('/health/ready')).statusCode !== 200)
  const response = await app.inject('/health/ready')
  t.match(response, { statusCode: 503, headers: { 'retry-after': '1' } })
  t.match(response.json(), { code: 'storage_unavailable' })
  t.equal((await app.inject('/health/live')).statusCode, 200)

  renameSync(`${path}.away`, path)
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
})
