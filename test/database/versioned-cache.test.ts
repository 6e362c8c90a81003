import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { changeMark, openDatabase } from '../../src/database/open.ts'
import { ReadCache } from '../../src/database/versioned-cache.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { person } from '../support/people.ts'

t.test('a page is never stale, whichever of two processes wrote last', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const { app } = await startApp(t, { DATABASE_URL }, pool)
  const alice = person(app, pool, 'alice')
  await alice.request('GET', '/me')

  // Another process, which writes at each line on its input, and says when that is on disk.
  const script = `
    import { createInterface } from 'node:readline'
    import { openDatabase } from '${new URL('../../src/database/open.ts', import.meta.url)}'
    import { deleteArticle, findArticle, insertArticle, updateArticle } from '${new URL('../../src/articles/queries.ts', import.meta.url)}'
    const db = openDatabase(process.argv[1])
    for await (const line of createInterface(process.stdin)) {
      const [action, id, name] = JSON.parse(line)
      if (action === 'insert') await insertArticle(db, { name, author: { id: 1, username: 'alice' } })
      else {
        const article = await findArticle(db, id)
        if (article) await (action === 'delete' ? deleteArticle(db, article, article.version) : updateArticle(db, article, article.version, name))
      }
      console.log('done')
    }
    await db.destroy()`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', script, DATABASE_URL], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => other.kill())
  const answers = createInterface(other.stdout)

  const expected = new Map<number, string>()
  let last = 0
  for (let step = 0; step < 150; step++) {
    const ids = [...expected.keys()]
    const id = ids[Math.floor(Math.random() * ids.length)] ?? 0
    const action = id === 0 ? 'insert' : ['insert', 'update', 'delete'][Math.floor(Math.random() * 3)]
    const name = `name ${step}`
    if (Math.random() < 0.5) {
      other.stdin.write(`${JSON.stringify([action, id, name])}\n`)
      await once(answers, 'line')
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
  const db = openDatabase('sqlite::memory:')
  t.teardown(() => db.destroy())
  await db.schema.createTable('boxes').addColumn('id', 'integer').execute()
  const cache = new ReadCache<{ bytes: number }>(db, 1_600, value => value.bytes)
  const mark = changeMark(db)
  const has = (key: string) => cache.get(key, mark) !== undefined
  return { db, cache, mark, has }
}

t.test('ReadCache keeps a value until the database changes', async t => {
  const { db, cache, mark } = await startCache(t)
  cache.set('a', { bytes: 1 }, mark)
  t.strictSame(cache.get('a', mark), { bytes: 1 })
  t.equal(cache.get('b', mark), undefined)

  await db.schema.createTable('bags').addColumn('id', 'integer').execute()
  t.equal(cache.get('a', changeMark(db)), undefined, 'it is of before')
  cache.set('b', { bytes: 2 }, mark)
  t.equal(cache.get('b', mark), undefined, 'the database changed while the value was read')
  cache.set('b', { bytes: 3 }, changeMark(db))
  t.strictSame(cache.get('b', changeMark(db)), { bytes: 3 })
})

t.test('ReadCache evicts the oldest values once all keys and values are larger than its bound', async t => {
  const { cache, mark, has } = await startCache(t)
  const keys = Array.from({ length: 20 }, (_, n) => String.fromCharCode(97 + n))
  for (const key of keys) cache.set(key, { bytes: 98 }, mark)
  t.strictSame(keys.filter(has), keys.slice(4), '16 values of 98 bytes with keys of 2 bytes')
  cache.set('t', { bytes: 48 }, mark)
  cache.set('u', { bytes: 48 }, mark)
  t.strictSame([...keys, 'u'].filter(has), [...keys.slice(4), 'u'], 'a replaced value counts no longer')
})

t.test('ReadCache keeps no value larger than a sixteenth of its bound, with its key', async t => {
  const { cache, mark, has } = await startCache(t)
  cache.set('a', { bytes: 98 }, mark)
  cache.set('b', { bytes: 99 }, mark)
  cache.set('x'.repeat(51), { bytes: 0 }, mark)
  t.strictSame(['a', 'b', 'x'.repeat(51)].filter(has), ['a'])
})

t.test('ReadCache starts from zero bytes after a change', async t => {
  const { db, cache, has, mark } = await startCache(t)
  for (let n = 0; n < 16; n++) cache.set(`${n}`, { bytes: 90 }, mark)
  await db.schema.createTable('bags').addColumn('id', 'integer').execute()
  const after = changeMark(db)
  for (let n = 0; n < 16; n++) cache.set(`${n}`, { bytes: 90 }, after)
  t.notOk(has('0'))
  t.ok(cache.get('0', after), 'all 16 fit again')
})

t.test('ReadCache keeps nothing where the database tells no changes', async t => {
  const db = openDatabase('postgres://nobody@127.0.0.1:1/nothing')
  t.teardown(() => db.destroy())
  const cache = new ReadCache<{ value: number }>(db, 1_000, () => 1)
  cache.set('a', { value: 1 }, changeMark(db))
  t.equal(cache.get('a', changeMark(db)), undefined)
})
