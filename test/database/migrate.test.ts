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

t.test('migrateToLatest rolls back a migration that fails, throws its error, and succeeds later', async t => {
  const path = `${t.testdir()}/articles.db`
  const database = openDatabase(`sqlite:${path}`)
  t.teardown(() => database.close())
  const { db } = database
  await migrateToLatest(database)
  const file = new BetterSqlite3(path)
  t.teardown(() => file.close())
  // The first of the last two migrations succeeds again. The second one finds its table and fails.
  const pending = all.slice(-2)
  file.prepare('DELETE FROM kysely_migration WHERE name IN (?, ?)').run(...pending)
  file.exec('DROP INDEX users_issuer_email')
  const indexes = () => file.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users'").pluck().all()
  const before = indexes()

  await t.rejects(migrateToLatest(database), /table "leases" already exists/)
  t.strictSame(indexes(), before, 'the first migration is rolled back too')
  t.strictSame(await listPendingMigrations(db), pending)

  file.exec('DROP TABLE leases')
  t.strictSame(await migrateToLatest(database), { applied: pending, unknown: [] })
  t.ok(indexes().includes('users_issuer_email'))
})

t.test('migrateToLatest rejects a database of another application, and changes nothing', async t => {
  const folder = t.testdir()
  for (const [name, statements] of Object.entries({
    'other.db': 'CREATE TABLE boxes (id INTEGER)',
    'kysely.db': "CREATE TABLE kysely_migration (name TEXT, timestamp TEXT); INSERT INTO kysely_migration VALUES ('2020-01-01-boxes', '2020-01-01T00:00:00.000Z')"
  })) {
    const file = new BetterSqlite3(`${folder}/${name}`)
    t.teardown(() => file.close())
    file.exec(statements)
    const tables = () => file.prepare('SELECT name FROM sqlite_schema').pluck().all()
    const before = tables()
    const database = openDatabase(`sqlite:${folder}/${name}`)
    t.teardown(() => database.close())
    await t.rejects(migrateToLatest(database), { message: /^the database belongs to another application; its tables: (boxes|kysely_migration)$/ })
    t.strictSame(tables(), before)
  }
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
