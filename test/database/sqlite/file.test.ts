import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { DatabaseHandle } from '../../../src/database/handle.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { SqliteFile } from '../../../src/database/sqlite/file.ts'
import type { Database } from '../../../src/database/tables.ts'

const displaced = { code: 'SQLITE_READONLY_DBMOVED' }

async function open (t: Test): Promise<{ database: DatabaseHandle, db: Database, path: string }> {
  const path = `${t.testdir()}/boxes.db`
  const database = openDatabase(`sqlite:${path}`)
  const { db } = database
  t.teardown(() => database.close())
  await sql`create table boxes (label text)`.execute(db)
  await insert(db, 'before')
  return { database, db, path }
}

const insert = (db: Database, label: string) => sql`insert into boxes values (${label})`.execute(db)
const labels = async (db: Database) => (await sql<{ label: string }>`select label from boxes`.execute(db)).rows.map(({ label }) => label)
const nothing = async () => {}

/** The labels that another connection reads from a file. */
function labelsIn (path: string): unknown[] {
  const file = new BetterSqlite3(path, { readonly: true })
  try {
    return file.prepare('select label from boxes').pluck().all()
  } finally {
    file.close()
  }
}

t.test('SqliteFile rejects writes, reads and the data version after a file was deleted', async t => {
  const writes: Record<string, (db: Database) => Promise<unknown>> = {
    alone: (db: Database) => insert(db, 'lost'),
    together: (db: Database) => Promise.all([insert(db, 'lost'), insert(db, 'also lost')]),
    'in a transaction': (db: Database) => db.transaction().execute(transaction => insert(transaction, 'lost'))
  }
  for (const [how, write] of Object.entries(writes)) {
    for (const suffix of ['', '-wal', '-shm']) {
      const { database, db, path } = await open(t)
      rmSync(`${path}${suffix}`)
      await t.rejects(async () => write(db), displaced, `${how}, boxes.db${suffix}`)
      await t.rejects(labels(db), displaced)
      await t.rejects(insert(db, 'later'), displaced)
      t.throws(() => database.dataVersion(), displaced)
    }
  }
})

t.test('replaceFile opens the file again after its log or index was deleted, and no write is lost', async t => {
  for (const suffix of ['-wal', '-shm']) {
    const { database, db, path } = await open(t)
    const before = database.dataVersion()
    t.equal(await database.replaceFile(nothing), false)
    rmSync(`${path}${suffix}`)
    t.equal(await database.replaceFile(nothing), true)
    t.not(database.dataVersion(), before)
    await insert(db, 'after')
    t.strictSame(await labels(db), ['before', 'after'])
    t.equal(await database.replaceFile(nothing), false)
  }
})

t.test('replaceFile leaves all acknowledged writes in a moved file, and adds none to the new one', async t => {
  const { database, db, path } = await open(t)
  const other = new BetterSqlite3(`${path}.other`)
  other.exec("create table boxes (label text); insert into boxes values ('other')")
  other.close()

  renameSync(path, `${path}.moved`)
  await t.rejects(database.replaceFile(nothing), displaced)
  await t.rejects(labels(db), displaced)
  cpSync(`${path}.other`, path)
  await t.rejects(database.replaceFile(nothing), displaced, 'the copy may still be in progress')
  await t.rejects(database.replaceFile(async () => { throw new Error('unusable') }), { message: 'unusable' })
  await t.rejects(labels(db), displaced, 'a file whose preparation failed is not used')
  t.equal(await database.replaceFile(nothing), true)
  t.strictSame(await labels(db), ['other'])
  await insert(db, 'after')
  t.strictSame(labelsIn(`${path}.moved`), ['before'])
  t.strictSame(await labels(db), ['other', 'after'])
})

t.test('replaceFile keeps a moved file open while a reader blocks the checkpoint', async t => {
  const { database, path } = await open(t)
  const reader = new BetterSqlite3(path)
  t.teardown(() => reader.close())
  reader.exec('begin; select * from boxes')
  cpSync(path, `${path}.other`)
  renameSync(`${path}.other`, path)
  await t.rejects(database.replaceFile(nothing), displaced)
  reader.exec('commit')
  await t.rejects(database.replaceFile(nothing), displaced)
  t.equal(await database.replaceFile(nothing), true)
})

t.test('replaceFile waits until a file is completely copied', async t => {
  const { database, db, path } = await open(t)
  rmSync(path)
  writeFileSync(path, '')
  for (let look = 0; look < 3; look++) await t.rejects(database.replaceFile(nothing), displaced, 'the file is empty')
  const other = new BetterSqlite3(`${path}.other`)
  other.exec("create table boxes (label text); insert into boxes values ('other')")
  other.close()
  const whole = readFileSync(`${path}.other`)
  writeFileSync(path, whole.subarray(0, 4096))
  await t.rejects(database.replaceFile(nothing), displaced)
  writeFileSync(path, whole)
  await t.rejects(database.replaceFile(nothing), displaced, 'the file has grown')
  t.equal(await database.replaceFile(nothing), true)
  t.strictSame(await labels(db), ['other'])
})

t.test('SqliteFile rejects a file that is replaced while it is opened', async t => {
  const path = `${t.testdir()}/boxes.db`
  for (const name of [path, `${path}.other`]) new BetterSqlite3(name).exec('create table boxes (label text)').close()
  const file = new SqliteFile(path, {
    connect: () => {
      const opened = new BetterSqlite3(path)
      if (existsSync(`${path}.other`)) renameSync(`${path}.other`, path)
      return opened
    }
  })
  t.teardown(() => file.close())
  t.throws(() => file.open(), displaced)
  t.throws(() => file.prepare('select 1'), { message: 'the database is not open' })
  file.open()
  t.ok(file.prepare('select 1'))
})
