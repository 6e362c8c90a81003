import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { changeMark, openDatabase, replaceFile } from '../../../src/database/open.ts'
import { SqliteFile } from '../../../src/database/sqlite/file.ts'
import type { Database } from '../../../src/database/tables.ts'

const displaced = { code: 'SQLITE_READONLY_DBMOVED' }

async function open (t: Test): Promise<{ db: Database, path: string }> {
  const path = `${t.testdir()}/boxes.db`
  const db = openDatabase(`sqlite:${path}`)
  t.teardown(() => db.destroy())
  await sql`create table boxes (label text)`.execute(db)
  await insert(db, 'before')
  return { db, path }
}

const insert = (db: Database, label: string) => sql`insert into boxes values (${label})`.execute(db)
const labels = async (db: Database) => (await sql<{ label: string }>`select label from boxes`.execute(db)).rows.map(({ label }) => label)
const nothing = async () => {}

/** The labels in a file, by itself. */
function labelsIn (path: string): unknown[] {
  const file = new BetterSqlite3(path, { readonly: true })
  try {
    return file.prepare('select label from boxes').pluck().all()
  } finally {
    file.close()
  }
}

t.test('a write is not acknowledged once the file is not where it was, and nothing is read any more', async t => {
  const writes: Record<string, (db: Database) => Promise<unknown>> = {
    alone: (db: Database) => insert(db, 'lost'),
    together: (db: Database) => Promise.all([insert(db, 'lost'), insert(db, 'lost, too')]),
    'in a transaction': (db: Database) => db.transaction().execute(transaction => insert(transaction, 'lost'))
  }
  for (const [how, write] of Object.entries(writes)) {
    for (const suffix of ['', '-wal', '-shm']) {
      const { db, path } = await open(t)
      rmSync(`${path}${suffix}`)
      await t.rejects(async () => write(db), displaced, `${how}, boxes.db${suffix}`)
      await t.rejects(labels(db), displaced)
      await t.rejects(insert(db, 'later'), displaced)
      t.throws(() => changeMark(db), displaced)
    }
  }
})

t.test('where the log or its index was deleted, the file is opened anew, and has all that was acknowledged', async t => {
  for (const suffix of ['-wal', '-shm']) {
    const { db, path } = await open(t)
    const before = changeMark(db)
    t.equal(await replaceFile(db, nothing), false)
    rmSync(`${path}${suffix}`)
    t.equal(await replaceFile(db, nothing), true)
    t.not(changeMark(db), before)
    await insert(db, 'after')
    t.strictSame(await labels(db), ['before', 'after'])
    t.equal(await replaceFile(db, nothing), false)
  }
})

t.test('where the file was moved, it has all that was acknowledged, and the file in its place has none of it', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(`${path}.other`)
  other.exec("create table boxes (label text); insert into boxes values ('other')")
  other.close()

  renameSync(path, `${path}.moved`)
  await t.rejects(replaceFile(db, nothing), displaced)
  await t.rejects(labels(db), displaced)
  cpSync(`${path}.other`, path)
  await t.rejects(replaceFile(db, nothing), displaced, 'it may still be on its way')
  await t.rejects(replaceFile(db, async () => { throw new Error('not fit') }), { message: 'not fit' })
  await t.rejects(labels(db), displaced, 'what is not fit is not used')
  t.equal(await replaceFile(db, nothing), true)
  t.strictSame(await labels(db), ['other'])
  await insert(db, 'after')
  t.strictSame(labelsIn(`${path}.moved`), ['before'])
  t.strictSame(await labels(db), ['other', 'after'])
})

t.test('a moved file is not let go of while a reader keeps the log from being emptied', async t => {
  const { db, path } = await open(t)
  const reader = new BetterSqlite3(path)
  t.teardown(() => reader.close())
  reader.exec('begin; select * from boxes')
  cpSync(path, `${path}.other`)
  renameSync(`${path}.other`, path)
  await t.rejects(replaceFile(db, nothing), displaced)
  reader.exec('commit')
  await t.rejects(replaceFile(db, nothing), displaced)
  t.equal(await replaceFile(db, nothing), true)
})

t.test('a file that is still being copied into its place is not used', async t => {
  const { db, path } = await open(t)
  rmSync(path)
  writeFileSync(path, '')
  for (let look = 0; look < 3; look++) await t.rejects(replaceFile(db, nothing), displaced, 'it is empty')
  const other = new BetterSqlite3(`${path}.other`)
  other.exec("create table boxes (label text); insert into boxes values ('other')")
  other.close()
  const whole = readFileSync(`${path}.other`)
  writeFileSync(path, whole.subarray(0, 4096))
  await t.rejects(replaceFile(db, nothing), displaced)
  writeFileSync(path, whole)
  await t.rejects(replaceFile(db, nothing), displaced, 'it has grown since')
  t.equal(await replaceFile(db, nothing), true)
  t.strictSame(await labels(db), ['other'])
})

t.test('a file that is replaced while it is being opened is not used', async t => {
  const path = `${t.testdir()}/boxes.db`
  for (const name of [path, `${path}.other`]) new BetterSqlite3(name).exec('create table boxes (label text)').close()
  const file = new SqliteFile(path, () => {
    const opened = new BetterSqlite3(path)
    if (existsSync(`${path}.other`)) renameSync(`${path}.other`, path)
    return opened
  })
  t.teardown(() => file.close())
  t.throws(() => file.open(), displaced)
  t.throws(() => file.prepare('select 1'), { message: 'the database is not open' })
  file.open()
  t.ok(file.prepare('select 1'))
})
