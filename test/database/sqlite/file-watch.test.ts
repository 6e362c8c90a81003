import { renameSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { startApp } from '../../support/app.ts'
import { codes, person } from '../../support/people.ts'
import { until } from '../../support/service-process.ts'

async function start (t: Test) {
  const path = `${t.testdir()}/articles.db`
  const { app, pool, log } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  const { request } = person(app, pool, 'alice')
  const create = (name: string) => request('POST', '/articles', { payload: { name } })
  const list = async () => (await request('GET', '/articles')).json().map((article: { name: string }) => article.name)
  const logged = (level: number) => log.map(line => JSON.parse(line)).filter(line => line.level === level && line.msg.startsWith('the database '))
  return { path, app, request, create, list, logged }
}

t.test('FileWatch logs a missing file once, requests and readiness are 503, and the service recovers when it is back', async t => {
  const { path, app, request, create, list, logged } = await start(t)
  t.equal((await create('before')).statusCode, 201)
  t.strictSame(await list(), ['before'])
  renameSync(path, `${path}.moved`)
  await until(() => logged(50).length > 0)
  for (const response of [await create('meanwhile'), await request('GET', '/articles'), await request('GET', '/articles/1'), await app.inject('/health/ready')]) {
    t.strictSame(codes(response), [503, 'storage_unavailable'])
    t.equal(response.headers['retry-after'], '1')
    t.notMatch(response.body, /articles\.db|moved|SQLITE/i)
  }
  t.equal((await app.inject('/health/live')).statusCode, 200)

  // The watch checks twice more and finds the same.
  await wait(2_500)
  t.equal(logged(50).length, 1)
  writeFileSync(path, 'This is a letter, and not a database at all.')
  await until(() => logged(50).length > 1)
  t.match(logged(50), [{ err: { code: 'SQLITE_READONLY_DBMOVED' } }, { err: { code: 'SQLITE_NOTADB' } }])

  renameSync(`${path}.moved`, path)
  await until(async () => (await request('GET', '/articles')).statusCode === 200)
  t.equal((await create('after')).statusCode, 201)
  t.strictSame(await list(), ['before', 'after'])
  t.match(logged(40), [{ msg: 'the database file was replaced and opened again' }])
  t.equal(logged(50).length, 2)
})

t.test('FileWatch migrates a new file before it is used', async t => {
  const { path, create, list, logged } = await start(t)
  t.equal((await create('before')).statusCode, 201)
  new BetterSqlite3(`${path}.bare`).exec('create table bags (id integer); drop table bags').close()
  renameSync(`${path}.bare`, path)
  await until(() => logged(40).length > 0)
  t.strictSame(await list(), [])
  t.equal((await create('after')).statusCode, 201)
  t.strictSame(await list(), ['after'])
})
