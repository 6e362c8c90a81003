import BetterSqlite3 from 'better-sqlite3'
import { PostgresAdapter, sql } from 'kysely'
import t from 'tap'
import { isStorageUnavailable } from '../../src/database/errors.ts'
import { openDatabase } from '../../src/database/open.ts'
import { isSqlite } from '../../src/database/sqlite/dialect.ts'

/** The error of a promise that must reject. */
async function errorOf (promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => { throw new Error('it did not fail') }, error => error)
}

t.test('openDatabase chooses the database by the scheme of the URL, and does not connect yet', async t => {
  const path = `${t.testdir()}/none/articles.db`
  const sqlite = openDatabase(`sqlite:${path}`)
  await sqlite.close()
  const postgres = openDatabase('postgres://articles@127.0.0.1:1/articles')
  t.ok(postgres.db.getExecutor().adapter instanceof PostgresAdapter)
  t.strictSame([sqlite.isSqlite, isSqlite(sqlite.db), postgres.isSqlite, isSqlite(postgres.db)], [true, true, false, false])
  t.equal(await postgres.replaceFile(async () => {}), false)
  await postgres.close()
  t.throws(() => new BetterSqlite3(path, { fileMustExist: true }))
})

t.test('isStorageUnavailable tells faults of the storage from faults of the query', async t => {
  const path = `${t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })}/articles.db`
  const database = openDatabase(`sqlite:${path}`)
  const { db } = database
  t.teardown(() => database.close())
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
    const error = await errorOf(sql`SELECT 1`.execute(broken.db))
    t.equal(isStorageUnavailable(error), name !== 'letter.db/articles.db', `${name}: ${error}`)
    await broken.close()
  }
})
