import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { Kysely, sql } from 'kysely'
import t, { type Test } from 'tap'
import type { DatabaseHandle } from '../../../src/database/handle.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { SqliteDialect } from '../../../src/database/sqlite/dialect.ts'
import { SqliteDriver } from '../../../src/database/sqlite/driver.ts'
import { SqliteFile } from '../../../src/database/sqlite/file.ts'
import type { Database, Tables } from '../../../src/database/tables.ts'
import { rehearse } from '../../../src/database/transaction.ts'

async function open (t: Test): Promise<{ database: DatabaseHandle, db: Database, path: string }> {
  const path = `${t.testdir()}/boxes.db`
  const database = openDatabase(`sqlite:${path}`)
  const { db } = database
  t.teardown(() => database.close())
  await sql`create table boxes (id integer primary key, label text unique)`.execute(db)
  return { database, db, path }
}

const insert = (db: Database, label: string) => sql<{ id: number }>`insert into boxes (label) values (${label}) returning id`.execute(db)
const labels = async (db: Database) => (await sql<{ label: string }>`select label from boxes order by id`.execute(db)).rows.map(({ label }) => label)

const transact = (db: Database, label: string) => db.transaction().execute(async transaction => {
  await insert(transaction, `${label}, first`)
  await insert(transaction, `${label}, second`)
  return labels(transaction)
})

/** Counts the commits from now on, as another process sees them. Commits between two looks count as one. */
function countCommits (t: Test, path: string): () => number {
  const other = new BetterSqlite3(path, { readonly: true })
  t.teardown(() => other.close())
  const version = () => Number(other.pragma('data_version', { simple: true }))
  const before = version()
  return () => version() - before
}

t.test('GroupCommit commits the writes of one turn together', async t => {
  const { db, path } = await open(t)
  const commits = countCommits(t, path)
  const results = await Promise.all(Array.from({ length: 50 }, (_, n) => insert(db, `box ${n}`)))
  t.strictSame(results.map(({ rows }) => rows[0]?.id), Array.from({ length: 50 }, (_, n) => n + 1))
  t.equal(commits(), 1, 'another process saw one commit')
})

t.test('GroupCommit runs the transactions and writes of one turn in order, and commits them together', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(path, { readonly: true })
  t.teardown(() => other.close())
  const seen = () => other.prepare('select label from boxes order by id').pluck().all()
  let outside: unknown[] = []
  const [a, , b] = await Promise.all([
    transact(db, 'a'),
    insert(db, 'between'),
    db.transaction().execute(async transaction => {
      await insert(transaction, 'b')
      outside = seen()
      return labels(transaction)
    })
  ])
  t.strictSame(a, ['a, first', 'a, second'])
  t.strictSame(b, ['a, first', 'a, second', 'between', 'b'], 'a later member sees the changes of the earlier members')
  t.strictSame(outside, [], 'nothing was committed yet')
  t.strictSame(seen(), b)
})

t.test('GroupCommit rolls back one failed transaction alone', async t => {
  const { db, path } = await open(t)
  const commits = countCommits(t, path)
  const results = await Promise.allSettled([
    transact(db, 'a'),
    db.transaction().execute(async transaction => {
      await insert(transaction, 'lost')
      throw new Error('no')
    }),
    db.transaction().execute(async transaction => {
      await insert(transaction, 'also lost')
      await insert(transaction, 'a, first')
    }),
    transact(db, 'b')
  ])
  t.match(results, [
    { status: 'fulfilled' },
    { reason: { message: 'no' } },
    { reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } },
    { status: 'fulfilled' }
  ])
  t.strictSame(await labels(db), ['a, first', 'a, second', 'b, first', 'b, second'])
  t.equal(commits(), 1)
})

t.test('SqliteTransaction rejects a query that arrives after its end, and does not commit it alone', async t => {
  const { db } = await open(t)
  await insert(db, 'x')
  await t.rejects(db.transaction().execute(transaction => Promise.all(['a', 'x', 'b', 'c', 'd'].map(label => insert(transaction, label)))), {
    code: 'SQLITE_CONSTRAINT_UNIQUE'
  })
  t.strictSame(await labels(db), ['x'])

  let ended = db
  await Promise.all([
    db.transaction().execute(async transaction => { ended = transaction }),
    db.transaction().execute(async () => t.rejects(insert(ended, 'late'), { message: /the transaction is over/ }))
  ])
  t.strictSame(await labels(db), ['x'])

  await sql`create table lids (id integer primary key, box integer references boxes (id) deferrable initially deferred)`.execute(db)
  const transaction = await db.startTransaction().execute()
  await sql`insert into lids (box) values (99)`.execute(transaction)
  await t.rejects(transaction.commit().execute(), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
  await t.rejects(insert(transaction, 'after'), { message: /the transaction is over/ })
  await transaction.rollback().execute()
  t.strictSame(await labels(db), ['x'])
})

t.test('GroupCommit commits nothing for transactions that all rolled back', async t => {
  const { db, path } = await open(t)
  const commits = countCommits(t, path)
  await Promise.all([
    rehearse(db, transaction => insert(transaction, 'a')),
    t.rejects(db.transaction().execute(async transaction => {
      await insert(transaction, 'b')
      throw new Error('no')
    }), { message: 'no' })
  ])
  t.equal(commits(), 0)
  t.strictSame(await labels(db), [])
})

t.test('GroupCommit commits 300 writes in several groups, and other work runs in between', async t => {
  const { db, path } = await open(t)
  const commits = countCommits(t, path)
  let done = 0
  let seen = 0
  const writes = Array.from({ length: 300 }, async (_, n) => {
    await insert(db, `${n}`)
    done++
  })
  const look = () => {
    if (done > 0 && done < 300) seen += commits() > seen ? 1 : 0
    if (done < 300) setImmediate(look)
  }
  look()
  await Promise.all(writes)
  t.ok(seen > 0, 'some writes were acknowledged and on disk while others waited')
  t.equal((await labels(db)).length, 300)
})

t.test('GroupCommit rejects one failed write alone', async t => {
  const { db } = await open(t)
  const results = await Promise.allSettled(['a', 'b', 'a', 'c'].map(label => insert(db, label)))
  t.strictSame(results.map(({ status }) => status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  t.match(results[2], { reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } })
  t.strictSame(await labels(db), ['a', 'b', 'c'])
})

t.test('SqliteTransaction is isolated from reads, writes and other transactions', async t => {
  const { db } = await open(t)
  const transaction = await db.startTransaction().execute()
  await insert(transaction, 'inside')
  const outside = [labels(db), insert(db, 'outside'), db.transaction().execute(async other => labels(other))] as const
  await wait(20)
  t.strictSame(await labels(transaction), ['inside'], 'no other write ran in the meantime')
  await transaction.rollback().execute()
  t.notOk((await outside[0]).includes('inside'), 'the read did not see rolled back rows')
  await outside[1]
  t.notOk((await outside[2]).includes('inside'))
  t.strictSame(await labels(db), ['outside'])
})

t.test('a transaction runs after a failed one', async t => {
  const { db } = await open(t)
  await t.rejects(db.transaction().execute(async transaction => {
    await insert(transaction, 'a')
    throw new Error('no')
  }), { message: 'no' })
  t.equal(await rehearse(db, async transaction => (await insert(transaction, 'b')).rows.length), 1)
  t.strictSame(await labels(db), [])
})

t.test('GroupCommit rejects all writes of a group when the disk is full, and accepts writes once there is space', async t => {
  const { db } = await open(t)
  await insert(db, 'first')
  const { rows: [pages] } = await sql<{ page_count: number }>`pragma page_count`.execute(db)
  await sql.raw(`pragma max_page_count = ${pages?.page_count}`).execute(db)
  const big = 'x'.repeat(20_000)
  const results = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => insert(db, `${n}${big}`)))
  for (const result of results) t.match(result, { status: 'rejected', reason: { code: 'SQLITE_FULL' } })
  await t.rejects(insert(db, big), { code: 'SQLITE_FULL' })
  await t.rejects(db.transaction().execute(transaction => insert(transaction, big)), { code: 'SQLITE_FULL' })
  t.strictSame(await labels(db), ['first'])

  await sql`pragma max_page_count = 1000000`.execute(db)
  await Promise.all([insert(db, 'second'), insert(db, 'third')])
  t.strictSame(await labels(db), ['first', 'second', 'third'])
})

t.test('GroupCommit rejects every member when SQLite rolls back the whole transaction', async t => {
  const { db } = await open(t)
  await insert(db, 'first')
  // SQLite may do the same when the disk is full or fails:
  // https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
  const giveUp = (db: Database) => sql`insert or rollback into boxes (label) values ('first')`.execute(db)
  const lost = { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } }
  const transactions = await Promise.allSettled([
    insert(db, 'before'),
    transact(db, 'before'),
    db.transaction().execute(async transaction => {
      await t.rejects(giveUp(transaction), lost.reason)
      await insert(transaction, 'as if nothing had happened')
    }),
    transact(db, 'after')
  ])
  for (const result of transactions) t.match(result, lost)
  for (const result of await Promise.allSettled([transact(db, 'before'), giveUp(db), insert(db, 'after')])) t.match(result, lost)
  t.strictSame(await labels(db), ['first'])
  await transact(db, 'later')
  t.strictSame(await labels(db), ['first', 'later, first', 'later, second'])
})

t.test('a write and a transaction wait for the lock of another process', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const waiting = [insert(db, 'alone'), db.transaction().execute(transaction => insert(transaction, 'in a transaction'))]
  await wait(50)
  other.exec('commit')
  await Promise.all(waiting)
  t.strictSame((await labels(db)).sort(), ['alone', 'in a transaction'])
})

t.test('StatementCache is emptied after 200 statements', async t => {
  const { db } = await open(t)
  for (let n = 0; n < 300; n++) await sql.raw(`select ${n} as number`).execute(db)
  t.strictSame(await labels(db), [])
})

t.test('SqliteDriver streams a query', async t => {
  const { db } = await open(t)
  await sql`create table articles (id integer)`.execute(db)
  await sql`insert into articles values (1), (2)`.execute(db)
  const ids: number[] = []
  for await (const { id } of db.selectFrom('articles').select('id').orderBy('id').stream()) ids.push(id)
  t.strictSame(ids, [1, 2])
})

t.test('dataVersion changes with every change of any process, and with nothing else', async t => {
  const { database, db, path } = await open(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  const seen = new Set<number | undefined>()
  const differs = (when: string) => {
    const version = database.dataVersion()
    t.notOk(seen.has(version), when)
    seen.add(version)
    t.equal(database.dataVersion(), version)
  }
  differs('at first')
  await insert(db, 'a')
  differs('after a write')
  other.exec("insert into boxes (label) values ('b')")
  differs('after a write of another process')
  other.exec("update boxes set label = 'c' where label = 'b'")
  differs('after a change of another process')
  const transaction = await db.startTransaction().execute()
  await insert(transaction, 'd')
  differs('within a transaction')
  await transaction.rollback().execute()
  await labels(db)
  t.ok(seen.has(database.dataVersion()))

  const postgres = openDatabase('postgres://nobody@127.0.0.1:1/nothing')
  t.equal(postgres.dataVersion(), undefined)
  await postgres.close()
})

t.test('GroupCommit rejects all writes of a group whose commit fails', async t => {
  const { db } = await open(t)
  await sql`create table lids (id integer primary key, box integer references boxes (id) deferrable initially deferred)`.execute(db)
  const lid = (box: number) => sql`insert into lids (box) values (${box})`.execute(db)
  for (const result of await Promise.allSettled([insert(db, 'a'), lid(1), lid(99)])) {
    t.match(result, { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' } })
  }
  t.strictSame(await labels(db), [])
  await Promise.all([insert(db, 'b'), lid(1)])
  t.strictSame(await labels(db), ['b'])
})

t.test('GroupCommit reports no result that depends on uncommitted data when the commit fails', async t => {
  const { db } = await open(t)
  await sql`create table lids (id integer primary key, box integer references boxes (id) deferrable initially deferred)`.execute(db)
  const results = await Promise.allSettled([
    transact(db, 'a'),
    db.transaction().execute(async transaction => {
      throw new Error(`there is ${(await labels(transaction)).length === 0 ? 'nothing' : 'something'}`)
    }),
    insert(db, 'a, first'),
    db.transaction().execute(transaction => sql`insert into lids (box) values (99)`.execute(transaction))
  ])
  for (const result of results) t.match(result, { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' } })
  t.strictSame(await labels(db), [])
  await transact(db, 'b')
  t.strictSame(await labels(db), ['b, first', 'b, second'])
})

t.test('a write rejects with SQLITE_BUSY after 5 seconds, and later writes succeed', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const [alone, together] = await Promise.allSettled([insert(db, 'a'), db.transaction().execute(transaction => insert(transaction, 'b'))])
  t.match(alone, { status: 'rejected', reason: { code: 'SQLITE_BUSY' } })
  t.match(together, { status: 'rejected', reason: { code: 'SQLITE_BUSY' } })
  t.strictSame(await labels(db), [], 'a read does not wait')
  other.exec('rollback')
  await insert(db, 'c')
  t.strictSame(await labels(db), ['c'])
})

t.test('while another process holds the lock, reads succeed and all writes reject together', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const begun = performance.now()
  let refused = 0
  const writes = Array.from({ length: 6 }, async (_, n) => {
    const write = n % 2 === 0 ? insert(db, `${n}`) : db.transaction().execute(transaction => insert(transaction, `${n}`))
    await t.rejects(write, { code: 'SQLITE_BUSY' })
    refused++
  })
  await wait(100)
  t.strictSame(await labels(db), [])
  t.equal(refused, 0, 'the read did not wait for the writes')
  await Promise.all(writes)
  t.ok(performance.now() - begun < 12_000, 'the writes did not wait 5 s each, one after the other')
  other.exec('rollback')
  await db.transaction().execute(transaction => insert(transaction, 'a'))
  t.strictSame(await labels(db), ['a'])
})

t.test('a later write keeps its own deadline when an earlier one times out on the lock', async t => {
  const { db, path } = await open(t)
  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const first = insert(db, 'first').catch((error: unknown) => error)
  await wait(4_000)
  const later = [insert(db, 'later'), transact(db, 'later')]
  t.match(await first, { code: 'SQLITE_BUSY' })
  other.exec('rollback')
  await Promise.all(later)
  t.strictSame(await labels(db), ['later', 'later, first', 'later, second'])
})

t.test('a read waits for the lock of another process in rollback-journal mode', async t => {
  const path = `${t.testdir()}/boxes.db`
  const other = new BetterSqlite3(path)
  other.exec("create table boxes (label text); insert into boxes values ('one')")
  const db = new Kysely<Tables>({ dialect: new SqliteDialect(new SqliteDriver(new SqliteFile(path, { connect: path => new BetterSqlite3(path, { timeout: 0 }) }))) })
  t.teardown(async () => {
    other.close()
    await db.destroy()
  })
  const read = async () => (await sql<{ label: string }>`select label from boxes`.execute(db)).rows
  t.strictSame(await read(), [{ label: 'one' }])
  other.exec('begin exclusive')
  const waiting = read()
  t.equal(await Promise.race([waiting, wait(50, 'waits')]), 'waits')
  other.exec('commit')
  t.strictSame(await waiting, [{ label: 'one' }])
})
