import BetterSqlite3 from 'better-sqlite3'
import { PostgresAdapter, sql } from 'kysely'
import t from 'tap'
import { isStorageUnavailable, openDatabase } from '../../src/database/open.ts'

/** The error of a promise that has to fail. */
async function errorOf (promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => { throw new Error('it did not fail') }, error => error)
}

t.test('openDatabase opens by the scheme of the URL, and connects to nothing yet', async t => {
  const path = `${t.testdir()}/none/articles.db`
  const sqlite = openDatabase(`sqlite:${path}`)
  await sqlite.destroy()
  const postgres = openDatabase('postgres://articles@127.0.0.1:1/articles')
  t.ok(postgres.getExecutor().adapter instanceof PostgresAdapter)
  await postgres.destroy()
  t.throws(() => new BetterSqlite3(path, { fileMustExist: true }))
})

t.test('isStorageUnavailable tells a storage that is at fault from a query that is', async t => {
  const path = `${t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })}/articles.db`
  const db = openDatabase(`sqlite:${path}`)
  t.teardown(() => db.destroy())
  await sql`CREATE TABLE boxes (id INTEGER PRIMARY KEY, label TEXT UNIQUE)`.execute(db)
  await sql`INSERT INTO boxes (label) VALUES ('a')`.execute(db)

  const mistakes = {
    'no such table': sql`SELECT * FROM bags`,
    'not unique': sql`INSERT INTO boxes (label) VALUES ('a')`,
    syntax: sql`SELEC`
  }
  for (const [name, query] of Object.entries(mistakes)) {
    t.equal(isStorageUnavailable(await errorOf(query.execute(db))), false, name)
  }
  t.equal(isStorageUnavailable(new Error('SQLITE_BUSY')), false)
  t.equal(isStorageUnavailable('SQLITE_BUSY'), false)
  t.equal(isStorageUnavailable(undefined), false)

  await sql`PRAGMA query_only = ON`.execute(db)
  t.equal(isStorageUnavailable(await errorOf(sql`INSERT INTO boxes (label) VALUES ('b')`.execute(db))), true, 'read only')
  await sql`PRAGMA query_only = OFF`.execute(db)

  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  t.equal(isStorageUnavailable(await errorOf(sql`INSERT INTO boxes (label) VALUES ('b')`.execute(db))), true, 'locked')
  other.exec('ROLLBACK')

  for (const name of ['letter.db', 'letter.db/articles.db', '']) {
    const broken = openDatabase(`sqlite:${t.testdirName}/${name}`)
    const error = await errorOf(sql`SELECT 1`.execute(broken))
    t.equal(isStorageUnavailable(error), name !== 'letter.db/articles.db', `${name}: ${error}`)
    await broken.destroy()
  }
})
