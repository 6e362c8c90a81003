import { readdirSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'kysely'
import t from 'tap'
import { listPendingMigrations, listUnappliedMigrations, migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { insertUser } from '../../src/users/queries.ts'
import { environment, startPool } from '../support/app.ts'
import { run, until } from '../support/service-process.ts'

const all = readdirSync(new URL('../../migrations/', import.meta.url)).map(name => name.replace(/\.ts$/, '')).sort()

t.test('migrateToLatest applies every migration in order, and nothing the second time', async t => {
  const database = openDatabase('sqlite::memory:')
  const { db } = database
  t.teardown(() => database.close())
  t.strictSame(await listPendingMigrations(db), all)
  t.strictSame(await migrateToLatest(database), { applied: all, unknown: [] })
  t.strictSame(await listPendingMigrations(db), [])
  t.strictSame(await migrateToLatest(database), { applied: [], unknown: [] })
})

t.test('migrateToLatest rolls back every migration and throws when one fails', async t => {
  const path = `${t.testdir()}/articles.db`
  const file = new BetterSqlite3(path)
  t.teardown(() => file.close())
  // The first migration creates this table after another one.
  file.exec('CREATE TABLE articles (id INTEGER)')

  const database = openDatabase(`sqlite:${path}`)

  const { db } = database
  t.teardown(() => database.close())
  await t.rejects(migrateToLatest(database), /table "?articles"? already exists/)
  t.strictSame(file.prepare("SELECT name FROM sqlite_master WHERE name = 'users'").all(), [])
  t.strictSame(await listPendingMigrations(db), all)

  file.exec('DROP TABLE articles')
  t.strictSame(await migrateToLatest(database), { applied: all, unknown: [] })
})

t.test('migrateToLatest accepts a database of a newer version and returns its unknown migrations', async t => {
  const database = openDatabase('sqlite::memory:')
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  await sql`INSERT INTO kysely_migration VALUES ('2999-01-01-01-future', '2999-01-01T00:00:00.000Z')`.execute(db)
  t.strictSame(await migrateToLatest(database), { applied: [], unknown: ['2999-01-01-01-future'] })
  t.strictSame(await listUnappliedMigrations(db), [])
})

t.test('SQLite never assigns an id twice', async t => {
  const database = openDatabase('sqlite::memory:')
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  const alice = { username: 'alice', email: null, issuer: null, sub: null }
  t.match(await insertUser(db, alice), { id: 1 })
  await db.deleteFrom('users').execute()
  t.match(await insertUser(db, alice), { id: 2 })
})

t.test('ten services that start at once on one SQLite file migrate it once', async t => {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const services = Array.from({ length: 10 }, () => run(t, 'src/server.ts', environment(pool, { DATABASE_URL: `sqlite:${path}`, PORT: '0' }), { covered: false }))
  await until(() => services.every(({ child, output }) => output.stdout.includes('listening') || child.exitCode !== null))
  t.strictSame(services.map(({ output }) => output.stderr).join(''), '')
  t.equal(services.filter(({ output }) => output.stdout.includes('database migrated')).length, 1)

  for (const { child } of services) child.kill('SIGTERM')
  t.strictSame(await Promise.all(services.map(({ exited }) => exited)), Array.from({ length: 10 }, () => 0))
  const file = new BetterSqlite3(path)
  t.teardown(() => file.close())
  t.strictSame(file.prepare('SELECT name FROM kysely_migration ORDER BY name').pluck().all(), all)
})
