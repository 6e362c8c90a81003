import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { changeMark, openDatabase } from '../../src/database/open.ts'
import { ReadCache } from '../../src/database/read-cache.ts'
import { newDatabase, startApp, startPool } from '../helper.ts'
import { person } from '../people.ts'

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
        if (article) await (action === 'delete' ? deleteArticle(db, article) : updateArticle(db, article, name))
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

t.test('ReadCache remembers while nothing changes, and at most so much', async t => {
  const db = openDatabase('sqlite::memory:')
  t.teardown(() => db.destroy())
  await db.schema.createTable('boxes').addColumn('id', 'integer').execute()
  const cache = new ReadCache<{ value: number }>(db, 2)
  const mark = changeMark(db)

  cache.set('a', { value: 1 }, mark)
  t.strictSame(cache.get('a', mark), { value: 1 })
  t.equal(cache.get('b', mark), undefined)
  cache.set('b', { value: 2 }, mark)
  cache.set('c', { value: 3 }, mark)
  t.equal(cache.get('a', mark), undefined, 'the third does not fit')
  t.strictSame(cache.get('c', mark), { value: 3 })

  await db.schema.createTable('bags').addColumn('id', 'integer').execute()
  t.equal(cache.get('c', changeMark(db)), undefined, 'it is of before')
  cache.set('d', { value: 4 }, mark)
  t.equal(cache.get('d', mark), undefined, 'something changed while it was read')
  cache.set('d', { value: 5 }, changeMark(db))
  t.strictSame(cache.get('d', changeMark(db)), { value: 5 })
})

t.test('ReadCache remembers nothing where the database tells no changes', async t => {
  const db = openDatabase('postgres://nobody@127.0.0.1:1/nothing')
  t.teardown(() => db.destroy())
  const cache = new ReadCache<{ value: number }>(db, 2)
  cache.set('a', { value: 1 }, changeMark(db))
  t.equal(cache.get('a', changeMark(db)), undefined)
})
