import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/open.ts'
import { VersionedCache } from '../../src/database/versioned-cache.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { person } from '../support/people.ts'

t.test('GET /articles is never stale while two processes write', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const { app } = await startApp(t, { DATABASE_URL }, pool)
  const alice = person(app, pool, 'alice')
  await alice.request('GET', '/me')

  // Another process writes for each line of its input, and prints a line when the write is on disk.
  const script = `
    import { createInterface } from 'node:readline'
    import { openDatabase } from '${new URL('../../src/database/open.ts', import.meta.url)}'
    import { deleteArticle, findArticle, insertArticle, updateArticle } from '${new URL('../../src/articles/queries.ts', import.meta.url)}'
    const database = openDatabase(process.argv[1])
    const { db } = database
    for await (const line of createInterface(process.stdin)) {
      const [action, id, name] = JSON.parse(line)
      if (action === 'insert') await insertArticle(db, { name, author: { id: 1, username: 'alice' } })
      else {
        const article = await findArticle(db, id)
        if (article) await (action === 'delete' ? deleteArticle(db, article, article.version) : updateArticle(db, article, article.version, name))
      }
      console.log('done')
    }
    await database.close()`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', script, DATABASE_URL], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => other.kill())
  const responses = createInterface(other.stdout)

  const expected = new Map<number, string>()
  let last = 0
  for (let step = 0; step < 150; step++) {
    const ids = [...expected.keys()]
    const id = ids[Math.floor(Math.random() * ids.length)] ?? 0
    const action = id === 0 ? 'insert' : ['insert', 'update', 'delete'][Math.floor(Math.random() * 3)]
    const name = `name ${step}`
    if (Math.random() < 0.5) {
      other.stdin.write(`${JSON.stringify([action, id, name])}\n`)
      await once(responses, 'line')
    } else {
      const [method, url] = action === 'insert' ? ['POST', '/articles'] as const : action === 'update' ? ['PATCH', `/articles/${id}`] as const : ['DELETE', `/articles/${id}`] as const
      await alice.request(method, url, action === 'delete' ? {} : { payload: { name } })
    }
    if (action === 'delete') expected.delete(id)
    else expected.set(action === 'insert' ? ++last : id, name)

    for (let reads = 0; reads < 2; reads++) {
      const list = await alice.request('GET', '/articles?limit=100')
      const articles: { id: number, name: string }[] = list.json()
      if (JSON.stringify(articles.map(({ id, name }) => [id, name])) !== JSON.stringify([...expected].sort(([a], [b]) => a - b))) t.fail(`stale after step ${step}`)
      if (action === 'update') t.equal((await alice.request('GET', `/articles/${id}`)).json().name, name)
    }
  }
  t.ok(last > 10)
  other.stdin.end()
  await once(other, 'exit')
})

/** A cache of 1,600 bytes for values of `bytes` each, over a database in memory. */
async function startCache (t: Test) {
  const database = openDatabase('sqlite::memory:')
  const { db } = database
  t.teardown(() => database.close())
  await db.schema.createTable('boxes').addColumn('id', 'integer').execute()
  const cache = new VersionedCache<{ bytes: number }>(database, 1_600, value => value.bytes)
  const version = database.dataVersion()
  const has = (key: string) => cache.get(key, version) !== undefined
  return { database, db, cache, version, has }
}

t.test('VersionedCache stores a value until the database changes', async t => {
  const { database, db, cache, version } = await startCache(t)
  cache.set('a', { bytes: 1 }, version)
  t.strictSame(cache.get('a', version), { bytes: 1 })
  t.equal(cache.get('b', version), undefined)

  await db.schema.createTable('bags').addColumn('id', 'integer').execute()
  t.equal(cache.get('a', database.dataVersion()), undefined, 'the value is older than the change')
  cache.set('b', { bytes: 2 }, version)
  t.equal(cache.get('b', version), undefined, 'the database changed while the value was read')
  cache.set('b', { bytes: 3 }, database.dataVersion())
  t.strictSame(cache.get('b', database.dataVersion()), { bytes: 3 })
})

t.test('VersionedCache evicts the oldest values once all keys and values exceed its limit', async t => {
  const { cache, version, has } = await startCache(t)
  const keys = Array.from({ length: 20 }, (_, n) => String.fromCharCode(97 + n))
  for (const key of keys) cache.set(key, { bytes: 98 }, version)
  t.strictSame(keys.filter(has), keys.slice(4), '16 values of 98 bytes with keys of 2 bytes')
  cache.set('t', { bytes: 48 }, version)
  cache.set('u', { bytes: 48 }, version)
  t.strictSame([...keys, 'u'].filter(has), [...keys.slice(4), 'u'], 'a replaced value counts no longer')
})

t.test('VersionedCache stores no value that exceeds a sixteenth of its limit with its key', async t => {
  const { cache, version, has } = await startCache(t)
  cache.set('a', { bytes: 98 }, version)
  cache.set('b', { bytes: 99 }, version)
  cache.set('x'.repeat(51), { bytes: 0 }, version)
  t.strictSame(['a', 'b', 'x'.repeat(51)].filter(has), ['a'])
})

t.test('VersionedCache starts from zero bytes after a change', async t => {
  const { database, db, cache, has, version } = await startCache(t)
  for (let n = 0; n < 16; n++) cache.set(`${n}`, { bytes: 90 }, version)
  await db.schema.createTable('bags').addColumn('id', 'integer').execute()
  const after = database.dataVersion()
  for (let n = 0; n < 16; n++) cache.set(`${n}`, { bytes: 90 }, after)
  t.notOk(has('0'))
  t.ok(cache.get('0', after), 'all 16 fit again')
})

t.test('VersionedCache stores nothing where the database has no data version', async t => {
  const database = openDatabase('postgres://nobody@127.0.0.1:1/nothing')
  t.teardown(() => database.close())
  const cache = new VersionedCache<{ value: number }>(database, 1_000, () => 1)
  cache.set('a', { value: 1 }, database.dataVersion())
  t.equal(cache.get('a', database.dataVersion()), undefined)
})
