import { hash } from 'node:crypto'
import t, { type Test } from 'tap'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { runOnce } from '../../src/idempotency/run-once.ts'
import { insertUser } from '../../src/users/queries.ts'
import { newDatabase, startApp } from '../support/app.ts'
import { codes, person } from '../support/people.ts'

/**
 * A service with a user. Responses are not compared with the OpenAPI document, because the tests replay older
 * ones.
 */
async function startWithAlice (t: Test) {
  const { app, pool } = await startApp(t, {}, undefined, () => {})
  const alice = person(app, pool, 'alice')
  const create = (name: string) => alice.request('POST', '/articles', { headers: { 'idempotency-key': 'k' }, payload: { name } })
  return { app, alice, create }
}

const described = ['location', 'etag', 'content-type', 'content-length']

t.test('POST /articles replays status, headers and bytes as they were sent', async t => {
  const { app, alice, create } = await startWithAlice(t)
  const first = await create('On bread')
  await app.db.updateTable('users').set({ username: 'alicia' }).execute()
  await alice.request('PATCH', '/articles/1', { payload: { name: 'Renamed' } })
  const retry = await create('On bread')
  t.equal(retry.statusCode, 201)
  t.equal(retry.body, first.body)
  for (const name of described) t.equal(retry.headers[name], first.headers[name], name)
  t.not(retry.headers['x-request-id'], first.headers['x-request-id'])
})

t.test('POST /articles replays a response that the current schema would not allow', async t => {
  const { app, create } = await startWithAlice(t)
  await create('On bread')
  const answer = '{"id": 1,  "title": "On bread"}'
  await app.db.updateTable('idempotency_keys').set({ answer, status: 202, headers: '{"content-type":"application/json; charset=utf-8","etag":"\\"x\\""}' }).execute()
  const retry = await create('On bread')
  t.strictSame([retry.statusCode, retry.body, retry.headers.etag, retry.headers['content-type'], retry.headers.location], [202, answer, '"x"', 'application/json; charset=utf-8', undefined])
})

t.test('POST /articles replays a row of an older version that stored the body alone', async t => {
  const { app, create } = await startWithAlice(t)
  const first = await create('On bread')
  await app.db.updateTable('idempotency_keys').set({ request_fingerprint: null, status: null, headers: null }).execute()
  const retry = await create('On bread')
  t.strictSame([retry.statusCode, retry.body], [201, first.body])
  for (const name of described) t.equal(retry.headers[name], first.headers[name], name)
  t.strictSame(codes(await create('On wine')), [422, 'idempotency_mismatch'])

  const { updatedAt: _, ...older } = first.json()
  await app.db.updateTable('idempotency_keys').set({ answer: JSON.stringify(older) }).execute()
  const fromOlderSchema = await create('On bread')
  t.strictSame([fromOlderSchema.statusCode, fromOlderSchema.json(), fromOlderSchema.headers.location], [201, older, '/articles/1'])
})

t.test('POST /articles stores a row that an older version can replay', async t => {
  const { app, create } = await startWithAlice(t)
  const first = await create('On bread')
  const { fingerprint, answer } = await app.db.selectFrom('idempotency_keys').selectAll().executeTakeFirstOrThrow()
  t.equal(fingerprint, hash('sha256', '{"name":"On bread"}', 'base64url'))
  t.strictSame(JSON.parse(answer ?? ''), first.json())
})

t.test('runOnce rejects a used key with another path or body', async t => {
  const database = openDatabase(await newDatabase(t))
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  await insertUser(db, { username: 'alice', email: null, issuer: 'issuer', sub: 'alice' })
  const response = { status: 200, headers: { etag: '"x"' }, body: 'done' }
  let runs = 0
  const run = (params: unknown, body: unknown) => runOnce(db, {
    key: { userId: 1, route: 'PATCH /articles/:id', key: 'k' },
    request: { params, body },
    work: async () => {
      runs++
      return response
    },
    restore: body => ({ ...response, body })
  })
  t.strictSame(await run({ id: 1 }, { name: 'a' }), response)
  t.strictSame(await run({ id: 1 }, { name: 'a' }), response)
  await t.rejects(run({ id: 2 }, { name: 'a' }), { code: 'idempotency_mismatch' })
  await t.rejects(run({ id: 1 }, { name: 'b' }), { code: 'idempotency_mismatch' })
  t.equal(runs, 1)
})
