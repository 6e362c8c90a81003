import t, { type Test } from 'tap'
import { claimLease } from '../../src/database/leases.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { administrator } from '../support/people.ts'
import { until, type UserPool } from '../support/user-pool.ts'

process.env.AWS_ACCESS_KEY_ID = 'nobody'
process.env.AWS_SECRET_ACCESS_KEY = 'nothing'

const alice = {
  Username: 'alice',
  Enabled: true,
  UserStatus: 'CONFIRMED',
  Attributes: [{ Name: 'sub', Value: 'subject-of-alice' }, { Name: 'email', Value: 'alice@example.com' }, { Name: 'email_verified', Value: 'true' }]
}

/** A pool whose API lists one user; it counts the listings. */
async function startListedPool (t: Test): Promise<{ pool: UserPool, listings: string[] }> {
  const pool = await startPool(t)
  const listings: string[] = []
  pool.answer = (request, response) => {
    if (request.method === 'GET') return pool.publish(request, response)
    listings.push(String(request.headers['x-amz-target']))
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify({ Users: [alice] }))
  }
  return { pool, listings }
}

t.test('USERS_SYNC_INTERVAL_S runs users sync in one of two processes', async t => {
  const { pool, listings } = await startListedPool(t)
  const changes = { DATABASE_URL: await newDatabase(t), USERS_SYNC_INTERVAL_S: '3600', USER_PROVISIONING: 'strict' }
  const [{ app }] = [await startApp(t, changes, pool), await startApp(t, changes, pool)]
  const list = async () => (await administrator(app, pool).request('GET', '/admin/users')).json()
  await until(async () => (await list()).length === 1)
  t.match(await list(), [{ username: 'alice', email: 'alice@example.com', sub: 'subject-of-alice' }])
  const third = await startApp(t, changes, pool)
  await third.app.close()
  t.equal(listings.length, 1)
})

t.test('without USERS_SYNC_INTERVAL_S the pool is not listed', async t => {
  const { pool, listings } = await startListedPool(t)
  const { app } = await startApp(t, {}, pool)
  await app.close()
  t.strictSame(listings, [])
})

t.test('a users sync that fails is logged, and the service goes on', async t => {
  const pool = await startPool(t)
  pool.answer = (request, response) => {
    if (request.method === 'GET') return pool.publish(request, response)
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"AccessDeniedException","message":"No."}')
  }
  const { app, log } = await startApp(t, { USERS_SYNC_INTERVAL_S: '3600', LOG_LEVEL: 'warn' }, pool)
  await until(() => log.join('').includes('users sync failed'))
  t.equal((await administrator(app, pool).request('GET', '/me')).statusCode, 200)
})

t.test('a service that stops during users sync leaves the run to be resumed, and logs no failure', async t => {
  const pool = await startPool(t)
  let listings = 0
  pool.answer = (request, response) => {
    if (request.method === 'GET') return pool.publish(request, response)
    listings++
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify({ Users: [], PaginationToken: `${listings}` }))
  }
  const { app, log } = await startApp(t, { USERS_SYNC_INTERVAL_S: '3600', LOG_LEVEL: 'warn' }, pool)
  await until(() => listings > 0)
  await app.close()
  t.notMatch(log.join(''), 'users sync failed')
})

t.test('claimLease gives a lease to one holder, until it expires', async t => {
  const database = openDatabase(await newDatabase(t))
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  t.equal(await claimLease(db, 'task', 'a', 60_000), true)
  t.equal(await claimLease(db, 'task', 'b', 60_000), false)
  t.equal(await claimLease(db, 'task', 'a', 60_000), true, 'the holder renews it')
  t.equal(await claimLease(db, 'other', 'b', 60_000), true)
  t.equal(await claimLease(db, 'task', 'a', 0), true)
  t.equal(await claimLease(db, 'task', 'b', 60_000), true, 'after it expired')
})
