import { existsSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import Fastify from 'fastify'
import t from 'tap'
import { app } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { bearer, environment, startApp, startPool } from '../support/app.ts'

t.test('the service creates the database with its folder, migrates it, and logs that once', async t => {
  const DATABASE_URL = `sqlite:${t.testdir()}/new/folder/articles.db`
  const first = await startApp(t, { DATABASE_URL })
  t.match(first.log.map(line => JSON.parse(line)).find(line => line.msg === 'database migrated'), { level: 30, applied: [/^2026-11-23-01/] })

  const second = await startApp(t, { DATABASE_URL })
  t.notMatch(second.log.join(), 'database migrated')
})

t.test('an article is still stored after a restart', async t => {
  const pool = await startPool(t)
  const changes = { DATABASE_URL: `sqlite:${t.testdir()}/articles.db` }
  const headers = bearer(pool.idToken())
  const before = await startApp(t, changes, pool)
  await before.app.inject({ method: 'POST', url: '/articles', headers, payload: { name: 'Kept' } })
  await before.app.close()

  const after = await startApp(t, changes, pool)
  t.match((await after.app.inject({ url: '/articles', headers })).json(), [{ id: 1, name: 'Kept', author: 'alice' }])
})

t.test('closing the service closes the database and removes its write-ahead log', async t => {
  const path = `${t.testdir()}/articles.db`
  const { app } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  t.ok(existsSync(`${path}-wal`))
  await app.close()
  t.notOk(existsSync(`${path}-wal`))
  await t.rejects(app.db.selectFrom('users').selectAll().execute(), /destroyed/)
})

t.test('an unusable database prevents the start, and is closed', async t => {
  const pool = await startPool(t)
  const path = `${t.testdir({ 'articles.db': 'This is a letter, and not a database at all.' })}/articles.db`
  const server = Fastify()
  await t.rejects(async () => server.register(app, readConfig(environment(pool, { DATABASE_URL: `sqlite:${path}` }))), { message: /^the database in DATABASE_URL is unusable: .*\(SQLITE_NOTADB\)$/ })
  await server.close()
})

t.test('each service on sqlite::memory: has its own database', async t => {
  const [one, other] = await Promise.all([startApp(t), startApp(t)])
  await one.app.inject({ method: 'POST', url: '/articles', headers: bearer(one.pool.idToken()), payload: { name: 'Here' } })
  t.same((await other.app.inject({ url: '/articles', headers: bearer(other.pool.idToken()) })).json(), [])
})

t.test('a reader in another process does not block a writer', async t => {
  const path = `${t.testdir()}/articles.db`
  const { app, pool } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  const reader = new BetterSqlite3(path)
  t.teardown(() => reader.close())
  reader.exec('BEGIN; SELECT * FROM articles')
  const response = await app.inject({ method: 'POST', url: '/articles', headers: bearer(pool.idToken()), payload: { name: 'Meanwhile' } })
  t.equal(response.statusCode, 201)
  t.same(reader.prepare('SELECT name FROM articles').all(), [])
  reader.exec('COMMIT')
  t.same(reader.prepare('SELECT name FROM articles').all(), [{ name: 'Meanwhile' }])
})
