import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { listArticlePage } from '../../../src/articles/list-page.ts'
import { deleteArticle, findArticle, insertArticle, updateArticle } from '../../../src/articles/queries.ts'
import { indexQueuedBlocks, trigramQuery } from '../../../src/articles/search-queries.ts'
import { migrateToLatest } from '../../../src/database/migrate.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { isSqlite } from '../../../src/database/sqlite/dialect.ts'
import type { Database } from '../../../src/database/tables.ts'
import { insertUser } from '../../../src/users/queries.ts'
import { newDatabase, startApp } from '../../support/app.ts'
import { administrator, person } from '../../support/people.ts'
import { until } from '../../support/service-process.ts'
import { up as createUsersAndArticles } from '../../../migrations/2026-11-23-01-users-articles-key-sets.ts'
import { up as createSearchIndex } from '../../../migrations/2026-11-27-01-article-search.ts'

t.test('GET /articles?q= finds exactly the names with the text after random inserts, renames, deletes and indexing', async t => {
  const db = await startDatabase(t)
  const author = await insertUser(db, { username: 'alice', email: null, issuer: null, sub: null })
  if (author === undefined) return t.fail('there is a user')
  const seed = Date.now() % 1e9
  t.comment(`seed ${seed}`)
  const random = randomNumbers(seed)
  const text = (max: number) => Array.from({ length: 1 + random(max) }, () => ['a', 'b', 'B', '"', '%', '_', '\\', 'Ä', '😀', ' ', 'AND', "'"][random(12)]).join('')
  const names = new Map<number, string>()

  for (let step = 0; step < 400; step++) {
    const ids = [...names.keys()]
    const article = await findArticle(db, ids[random(ids.length || 1)] ?? 0)
    const name = text(8)
    if (article === undefined || step % 3 > 0) names.set((await insertArticle(db, { name, author })).id, name)
    else if (random(2) === 0) {
      await updateArticle(db, article, article.version, name)
      names.set(article.id, name)
    } else {
      await deleteArticle(db, article, article.version)
      names.delete(article.id)
    }
    // A large gap between two ids.
    if (step === 200) await db.insertInto('articles').values({ id: 100_000, name: 'gap', name_key: 'gap', created_at: '', updated_at: '' }).execute().then(() => names.set(100_000, 'gap'))
    if (step === 201 && !isSqlite(db)) await sql`alter table articles alter column id restart with 100001`.execute(db)
    if (isSqlite(db) && random(10) === 0) await indexQueuedBlocks(db, 1 + random(8))
  }

  for (let search = 0; search < 150; search++) {
    const q = text(4)
    const order = search % 2 === 0 ? 'asc' : 'desc'
    const expected = [...names].filter(([, name]) => name.toLowerCase().includes(q.toLowerCase())).map(([id]) => id).sort((a, b) => order === 'asc' ? a - b : b - a)
    t.strictSame(await listAll(db, { q, order, limit: 1 + random(20) }), expected, q)
  }
})

t.test('GET /articles?q= pages through more blocks than one request reads, without a repeated or missing article', async t => {
  const db = await startDatabase(t)
  const rows = Array.from({ length: 55_000 }, (_, n) => n % 1_000 === 7 ? 'Needle' : 'aneedy nedle').map(name => ({ name, name_key: name.toLowerCase(), created_at: '', updated_at: '' }))
  for (let n = 0; n < rows.length; n += 1_000) await db.insertInto('articles').values(rows.slice(n, n + 1_000)).execute()
  for (const order of ['asc', 'desc'] as const) {
    const ids = Array.from({ length: 55 }, (_, n) => n * 1_000 + 8)
    t.strictSame(await listAll(db, { q: 'needle', order, limit: 4 }), order === 'asc' ? ids : ids.reverse())
    t.strictSame(await listAll(db, { q: 'edneed', order, limit: 100 }), [])
  }
})

t.test('the migration indexes existing articles, and triggers index the writes of an older version', async t => {
  const db = await startDatabase(t, false)
  await createUsersAndArticles(db)
  const write = (name: string) => db.insertInto('articles').values({ name, name_key: name.toLowerCase(), created_at: '', updated_at: '' }).execute()
  await write('From before')
  await createSearchIndex(db)
  t.equal((await listAll(db, { q: 'before', order: 'asc', limit: 10 })).length, 1)
  await write('From after')
  t.equal((await listAll(db, { q: 'after', order: 'asc', limit: 10 })).length, 1)
  t.equal((await listAll(db, { q: 'from', order: 'asc', limit: 10 })).length, 2)
})

t.test('the service indexes changed articles in the background', { skip: process.env.TEST_DATABASE_URL !== undefined && 'PostgreSQL maintains its index itself' }, async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  const { rows: [{ count = 0 } = {}] } = await sql<{ count: number }>`select count(*) as count from articles_search_queue`.execute(app.db)
  t.equal(count, 0)
  await alice.request('POST', '/articles', { payload: { name: 'On bread' } })
  await until(async () => (await sql`select 1 from articles_search_queue`.execute(app.db)).rows.length === 0)
  const { rows } = await sql`select rowid from articles_search where articles_search match ${trigramQuery('bread')}`.execute(app.db)
  t.equal(rows.length, 1)
  const response = await alice.request('GET', '/articles?q=bread')
  t.equal(response.json().length, 1)
})

t.test('search works while indexing fails, and the log says it once', { skip: process.env.TEST_DATABASE_URL !== undefined && 'PostgreSQL maintains its index itself' }, async t => {
  const { app, pool, log } = await startApp(t)
  const alice = person(app, pool, 'alice')
  await sql`create trigger refuse before delete on articles_search_queue begin select raise(abort, 'no'); end`.execute(app.db)
  await alice.request('POST', '/articles', { payload: { name: 'On bread' } })
  await until(() => log.some(line => line.includes('the search index was not updated')))
  t.equal((await alice.request('GET', '/articles?q=bread')).json().length, 1)
  await sql`drop trigger refuse`.execute(app.db)
  await until(async () => (await sql`select 1 from articles_search_queue`.execute(app.db)).rows.length === 0)
  t.equal(log.filter(line => line.includes('the search index was not updated')).length, 1)
})

t.test('search on PostgreSQL finds the same without the extension and the index', { skip: process.env.TEST_DATABASE_URL === undefined && 'needs PostgreSQL' }, async t => {
  const url = new URL(await newDatabase(t))
  const owner = openDatabase(url.href)
  const role = url.pathname.slice(1)
  await sql.raw(`create role ${role} login password 'password'`).execute(owner.db)
  await sql.raw(`grant create on schema public to ${role}`).execute(owner.db)
  t.teardown(async () => {
    await sql.raw(`drop owned by ${role}`).execute(owner.db)
    await sql.raw(`drop role ${role}`).execute(owner.db)
    await owner.close()
  })
  url.username = role
  url.password = 'password'
  const database = openDatabase(url.href)
  const { db } = database
  await migrateToLatest(database)
  await db.insertInto('articles').values({ name: 'On bread', name_key: 'on bread', created_at: '', updated_at: '' }).execute()
  t.strictSame(await listAll(db, { q: 'bread', order: 'desc', limit: 1 }), [1])
  const { rows } = await sql`select from pg_extension where extname = 'pg_trgm'`.execute(owner.db)
  t.equal(rows.length, 0)
  await database.close()
})

t.test('100 searches of one user at once leave another user a turn before they are all answered', async t => {
  const { app, pool } = await startApp(t)
  const [alice, bob] = [person(app, pool, 'alice'), person(app, pool, 'bob')]
  await Promise.all([alice, bob].map(each => each.request('GET', '/me')))
  const rows = Array.from({ length: 1_000 }, () => ({ name: 'hay', name_key: 'hay', created_at: '', updated_at: '' }))
  for (let batch = 0; batch < 20; batch++) await app.db.insertInto('articles').values(rows).execute()
  let answered = 0
  const searches = Array.from({ length: 100 }, async (_, n) => {
    const { statusCode } = await alice.request('GET', `/articles?q=x${n % 10}&limit=${1 + n % 100}`)
    answered++
    return statusCode
  })
  for (const url of ['/me', '/articles', '/articles?q=hay']) {
    t.equal((await bob.request('GET', url)).statusCode, 200)
    t.ok(answered < 100, `${url} came after ${answered}`)
  }
  const statuses = new Set(await Promise.all(searches))
  t.strictSame([...statuses].filter(status => status !== 200 && status !== 429), [], 'more than a user may have in progress are a 429')
})

t.test('GET /admin/users?q= runs through the same queue', async t => {
  const { app, pool } = await startApp(t)
  const admin = administrator(app, pool)
  await person(app, pool, 'carol').request('GET', '/me')
  const responses = await Promise.all(Array.from({ length: 5 }, () => admin.request('GET', '/admin/users?q=CAROL@')))
  t.strictSame(responses.map(response => response.json().length), [1, 1, 1, 1, 1])
})

t.test('trigramQuery has every trigram of a short text, ten of a longer one, and none of two characters', async t => {
  t.equal(trigramQuery('ab'), undefined)
  t.equal(trigramQuery('😀😀'), undefined)
  t.equal(trigramQuery('ABCd'), '"abc" AND "bcd"')
  t.equal(trigramQuery('aaaaa'), '"aaa"')
  t.equal(trigramQuery('a"b'), '"a""b"')
  t.equal(trigramQuery('abcdefghijklmnopqrstuvwxyz')?.split(' AND ').length, 10)
})

async function startDatabase (t: Test, migrated = true): Promise<Database> {
  const database = openDatabase(await newDatabase(t))
  const { db } = database
  t.teardown(() => database.close())
  if (migrated) await migrateToLatest(database)
  return db
}

/** The ids of all pages in order. */
async function listAll (db: Database, query: { q: string, order: 'asc' | 'desc', limit: number }): Promise<number[]> {
  const ids: number[] = []
  let after: number | undefined
  do {
    const page = await listArticlePage(db, { ...query, ...(after !== undefined && { after }) })
    ids.push(...page.rows.map(({ id }) => id))
    after = page.next
  } while (after !== undefined)
  return ids
}

/** A generator of whole numbers below a bound, repeatable by its seed. */
function randomNumbers (seed: number): (bound: number) => number {
  return bound => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor(seed / 256) % bound
  }
}
