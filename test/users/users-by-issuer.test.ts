import { readdir } from 'node:fs/promises'
import { sql, type Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import t, { type Test } from 'tap'
import { isConflict } from '../../src/database/errors.ts'
import type { DatabaseHandle } from '../../src/database/handle.ts'
import { listUnappliedMigrations, migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Database } from '../../src/database/tables.ts'
import { newDatabase } from '../support/app.ts'

const folder = new URL('../../migrations/', import.meta.url)
const now = '2026-11-27T10:00:00.000Z'
const poolA = 'https://issuer.example/A'
const poolB = 'https://issuer.example/B'

/** A database as the version before the migration left it. */
async function startOldDatabase (t: Test): Promise<DatabaseHandle> {
  const database = openDatabase(await newDatabase(t))
  t.teardown(() => database.close())
  const names = (await readdir(folder)).sort().filter(name => name < '2026-11-28')
  const migrations = names.map(async (name): Promise<[string, Migration]> => [name.replace('.ts', ''), await import(new URL(name, folder).href)])
  const provider = { getMigrations: async () => Object.fromEntries(await Promise.all(migrations)) }
  const { error } = await new Migrator({ db: database.db, provider }).migrateToLatest()
  if (error !== undefined) throw error
  return database
}

interface OldUser { username: string, email: string | null, issuer: string | null, subject: string | null }

/** The statement with which the version before the migration inserts a user. */
async function insertAsBefore (db: Database, { username, email, issuer, subject }: OldUser): Promise<number | undefined> {
  const untyped: Kysely<any> = db
  const row = await untyped.insertInto('users')
    .values({ username, username_key: username, email, email_key: email, issuer, subject, created_at: now, updated_at: now })
    .onConflict(conflict => conflict.doNothing())
    .returning('id').executeTakeFirst()
  return row?.id
}

t.test('the migration users-by-issuer keeps users, authors, idempotency keys and the next id', async t => {
  const database = await startOldDatabase(t)
  const { db } = database
  await insertAsBefore(db, { username: 'alice', email: 'alice@example.com', issuer: poolA, subject: 'a' })
  await insertAsBefore(db, { username: 'bob', email: null, issuer: null, subject: null })
  await insertAsBefore(db, { username: 'removed', email: null, issuer: null, subject: null })
  await sql`update users set disabled = 1, seen_at = ${now}, auth_time = 1795000000 where username = 'alice'`.execute(db)
  await sql`delete from users where username = 'removed'`.execute(db)
  for (const author of [1, 2, null, 1]) {
    await sql`insert into articles (name, name_key, author_id, created_at, updated_at) values ('Name', 'name', ${author}, ${now}, ${now})`.execute(db)
  }
  await sql`insert into idempotency_keys (user_id, route, key, fingerprint, answer, expires_at) values (1, 'POST /articles', 'k', 'f', '{}', ${now})`.execute(db)
  const tables = async () => ({
    articles: (await sql`select * from articles order by id`.execute(db)).rows,
    keys: (await sql`select * from idempotency_keys`.execute(db)).rows,
    users: (await sql`select id, username, username_key, email, email_key, issuer, subject, disabled, created_at, updated_at, seen_at, auth_time from users order by id`.execute(db)).rows
  })
  const before = await tables()
  t.strictSame((await listUnappliedMigrations(db)).slice(0, 2), ['2026-11-28-01-users-by-issuer', '2026-11-28-02-leases'])
  await migrateToLatest(database)
  t.strictSame(await tables(), before)
  t.equal(before.users.length, 2)

  t.equal(await insertAsBefore(db, { username: 'carol', email: null, issuer: null, subject: null }), 4, 'an id is never given twice')
  await sql`delete from users where id = 1`.execute(db)
  t.match((await tables()).articles, [{ author_id: null }, { author_id: 2 }, { author_id: null }, { author_id: null }], 'the foreign keys hold')
  t.strictSame((await tables()).keys, [])
  await t.rejects(sql`update articles set author_id = 99`.execute(db))
})

t.test('the migration users-by-issuer runs on a database without users', async t => {
  const database = await startOldDatabase(t)
  const { db } = database
  await migrateToLatest(database)
  t.equal(await insertAsBefore(db, { username: 'alice', email: null, issuer: null, subject: null }), 1)
})

t.test('after the migration, usernames and addresses are unique within an issuer and among unbound users', async t => {
  const database = await startOldDatabase(t)
  const { db } = database
  await insertAsBefore(db, { username: 'alice', email: 'alice@example.com', issuer: poolA, subject: 'a' })
  t.equal(await insertAsBefore(db, { username: 'alice', email: null, issuer: poolB, subject: 'b' }), undefined, 'before')
  await migrateToLatest(database)
  const alice = { username: 'alice', email: 'alice@example.com' }
  for (const [issuer, subject] of [[poolB, 'a'], [null, null]] as const) {
    t.ok(await insertAsBefore(db, { ...alice, issuer, subject }), `${issuer}`)
  }
  for (const [issuer, subject] of [[poolA, 'c'], [poolB, 'c'], [null, null]] as const) {
    t.equal(await insertAsBefore(db, { ...alice, email: null, issuer, subject }), undefined, `the username of ${issuer}`)
    t.equal(await insertAsBefore(db, { ...alice, username: 'other', issuer, subject }), undefined, `the address of ${issuer}`)
  }
  t.equal(await insertAsBefore(db, { username: 'other', email: null, issuer: poolA, subject: 'a' }), undefined, 'the identity')
  const error = await sql`update users set issuer = ${poolA}, subject = 'd' where issuer is null`.execute(db).catch((error: unknown) => error)
  t.ok(isConflict(error), 'an update of the older version learns of the conflict')
})
