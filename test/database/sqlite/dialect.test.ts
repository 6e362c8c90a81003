import { sql, type RawBuilder } from 'kysely'
import t, { type Test } from 'tap'
import { isStorageUnavailable } from '../../../src/database/errors.ts'
import { openDatabase } from '../../../src/database/open.ts'
import type { Database } from '../../../src/database/tables.ts'

/** A database with a table of boxes that refers to itself. */
async function openBoxes (t: Test): Promise<Database> {
  const database = openDatabase(`sqlite:${t.testdir()}/boxes.db`)
  const { db } = database
  t.teardown(() => database.close())
  await sql`CREATE TABLE boxes (label TEXT PRIMARY KEY, inside TEXT REFERENCES boxes)`.execute(db)
  return db
}

function insertBox (label: string, inside: string | null = null): RawBuilder<{ label: string }> {
  return sql<{ label: string }>`INSERT INTO boxes VALUES (${label}, ${inside}) RETURNING label`
}

async function listLabels (db: Database): Promise<string[]> {
  const { rows } = await sql<{ label: string }>`SELECT label FROM boxes ORDER BY rowid`.execute(db)
  return rows.map(({ label }) => label)
}

t.test('openDatabase sets WAL mode, full synchronization and foreign keys', async t => {
  const db = await openBoxes(t)
  t.match((await sql`PRAGMA journal_mode`.execute(db)).rows, [{ journal_mode: 'wal' }])
  t.match((await sql`PRAGMA synchronous`.execute(db)).rows, [{ synchronous: 2 }])
  await t.rejects(insertBox('a', 'nowhere').execute(db), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
})

t.test('openDatabase limits the page cache to 4 MB', async t => {
  const db = await openBoxes(t)
  t.match((await sql`PRAGMA cache_size`.execute(db)).rows, [{ cache_size: -4_000 }])
})

t.test('a failed transaction changes nothing', async t => {
  const db = await openBoxes(t)
  await t.rejects(db.transaction().execute(async trx => {
    await insertBox('a').execute(trx)
    throw new Error('changed my mind')
  }), /changed my mind/)
  t.strictSame(await listLabels(db), [])
})

t.test('a transaction takes the write lock at its start', async t => {
  const db = await openBoxes(t)
  const other = openDatabase(`sqlite:${t.testdirName}/boxes.db`)
  t.teardown(() => other.close())
  await db.transaction().execute(async trx => {
    t.strictSame((await sql`SELECT * FROM boxes`.execute(trx)).rows, [])
    const error = await insertBox('between').execute(other.db).catch(error => error)
    t.match(error, { code: 'SQLITE_BUSY' })
    t.ok(isStorageUnavailable(error))
    await insertBox('first').execute(trx)
  })
  await insertBox('second').execute(other.db)
  t.strictSame(await listLabels(db), ['first', 'second'])
})

t.test('a full disk is a storage error, and every acknowledged row is stored', async t => {
  const db = await openBoxes(t)
  await sql`PRAGMA max_page_count = 20`.execute(db)
  const acknowledged: string[] = []
  let failure: unknown
  while (failure === undefined && acknowledged.length < 200) {
    const label = `${acknowledged.length} `.padEnd(1000, 'x')
    await insertBox(label).execute(db).then(() => acknowledged.push(label), error => { failure = error })
  }
  t.match(failure, { code: 'SQLITE_FULL' })
  t.ok(isStorageUnavailable(failure))
  t.ok(acknowledged.length > 0)
  t.strictSame(await listLabels(db), acknowledged)
})

t.test('StatementCache returns the right results for more statements than it caches', async t => {
  const db = await openBoxes(t)
  const wrong: number[] = []
  for (let index = 0; index < 500; index++) {
    const number = index % 250
    const { rows } = await sql<{ number: number }>`SELECT ${sql.lit(number)} AS number`.execute(db)
    if (rows[0]?.number !== number) wrong.push(number)
  }
  t.strictSame(wrong, [])
})
