import t from 'tap'
import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import { bearer, newDatabase, startApp, startPool } from '../support/app.ts'
import { administrator, codes, person, personWith } from '../support/people.ts'

const now = () => Math.floor(Date.now() / 1000)

t.test('POST /me/sign-out ends all of one’s own sessions that have begun', async t => {
  const { app, pool } = await startApp(t)
  const laptop = person(app, pool, 'alice', { auth_time: now() - 3600 })
  const phone = person(app, pool, 'alice', { auth_time: now() })
  const bob = person(app, pool, 'bob')
  const access = personWith(app, pool.accessToken({ sub: 'subject-of-alice', auth_time: now() - 60 }))
  for (const session of [laptop, phone, access, bob]) t.equal((await session.request('GET', '/articles')).statusCode, 200)

  const response = await phone.request('POST', '/me/sign-out')
  t.equal(response.statusCode, 204)
  t.equal(response.body, '')

  for (const session of [laptop, phone, access]) {
    const refused = await session.request('GET', '/articles')
    t.strictSame(codes(refused), [401, 'invalid_auth_token'])
    t.equal(refused.headers['www-authenticate'], 'Bearer realm="articles", error="invalid_token", error_description="The session of the token was signed out"')
  }
  t.strictSame(codes(await laptop.request('POST', '/me/sign-out')), [401, 'invalid_auth_token'])
  t.equal((await bob.request('GET', '/articles')).statusCode, 200)

  t.equal((await person(app, pool, 'alice', { auth_time: now() }).request('GET', '/articles')).statusCode, 200, 'who signs in again is in')
  t.strictSame(codes(await person(app, pool, 'alice', { auth_time: now() - 60, iat: now() }).request('GET', '/articles')), [401, 'invalid_auth_token'], 'a refreshed token keeps its auth_time')
})

t.test('a session that asks for its end is over also where Cognito’s clock is ahead', async t => {
  const { app, pool } = await startApp(t)
  const ahead = person(app, pool, 'alice', { auth_time: now() + 30, origin_jti: 'session' })
  await ahead.request('POST', '/me/sign-out')
  t.strictSame(codes(await ahead.request('GET', '/me')), [401, 'invalid_auth_token'])
  t.equal((await person(app, pool, 'alice', { auth_time: now() + 31, origin_jti: 'another' }).request('GET', '/me')).statusCode, 200)
})

t.test('what is over stays so, whoever ends what after it, and by whatever clock', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  const session = (name: string, ahead: number) => person(app, pool, 'alice', { auth_time: now() + ahead, origin_jti: name })
  const [first, second] = [session('first', 30), session('second', 31)]
  const { id } = (await first.request('GET', '/me')).json()
  const isOver = async (over: typeof first) => t.strictSame(codes(await over.request('GET', '/me')), [401, 'invalid_auth_token'])

  await first.request('POST', '/me/sign-out')
  await second.request('POST', '/me/sign-out')
  await isOver(first)
  await root.request('POST', `/admin/users/${id}/sign-out`)
  await isOver(first)
  await isOver(second)
  const third = session('third', 60)
  t.equal((await third.request('GET', '/me')).statusCode, 200)
})

t.test('POST /admin/users/:id/sign-out ends the newest session that any replica saw, where the clock is behind', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const one = (await startApp(t, { DATABASE_URL }, pool)).app
  const two = (await startApp(t, { DATABASE_URL }, pool)).app
  const begun = now() + 4
  const older = person(one, pool, 'alice', { auth_time: begun - 3 })
  const newer = person(two, pool, 'alice', { auth_time: begun })
  const access = personWith(two, pool.accessToken({ sub: 'subject-of-alice', auth_time: begun }))
  const { id } = (await newer.request('GET', '/me')).json()
  for (const session of [older, access]) t.equal((await session.request('GET', '/me')).statusCode, 200)

  t.equal((await administrator(one, pool).request('POST', `/admin/users/${id}/sign-out`)).statusCode, 204)
  for (const session of [older, newer, access]) t.strictSame(codes(await session.request('GET', '/me')), [401, 'invalid_auth_token'])
  t.equal((await person(one, pool, 'alice', { auth_time: begun + 1 }).request('GET', '/me')).statusCode, 200)
})

t.test('POST /admin/users/:id/sign-out ends the session of an administrator who has a local user, where the clock is behind', async t => {
  const { app, pool } = await startApp(t)
  const claims = { 'cognito:groups': ['admin'] }
  const { id } = (await person(app, pool, 'op', { ...claims, auth_time: now() - 100 }).request('GET', '/me')).json()
  const op = person(app, pool, 'op', { ...claims, auth_time: now() + 4 })
  t.equal((await op.request('GET', '/admin/users')).statusCode, 200)
  await administrator(app, pool).request('POST', `/admin/users/${id}/sign-out`)
  t.strictSame(codes(await op.request('GET', '/admin/users')), [401, 'invalid_auth_token'])
})

t.test('a request that reads is answered where the time of a sign-in cannot be stored', { skip: process.env.TEST_DATABASE_URL !== undefined }, async t => {
  const { app, pool, log } = await startApp(t, { LOG_LEVEL: 'warn' })
  await person(app, pool, 'alice').request('GET', '/me')
  await sql`create trigger full before update on users begin select raise(fail, 'no room'); end`.execute(app.db)
  t.equal((await person(app, pool, 'alice', { auth_time: now() + 1 }).request('GET', '/me')).statusCode, 200)
  t.match(log.join(''), 'the time of a sign-in was not stored')
})

t.test('a token without auth_time, or even iat, counts as begun when it was issued, or long ago', async t => {
  const { app, pool } = await startApp(t)
  await person(app, pool, 'alice').request('POST', '/me/sign-out')
  for (const [claims, status] of [[{ auth_time: undefined, iat: now() - 9 }, 401], [{ auth_time: undefined, iat: now() + 1 }, 200], [{ auth_time: undefined, iat: undefined }, 401]] as const) {
    t.equal((await person(app, pool, 'alice', claims).request('GET', '/me')).statusCode, status)
  }
})

t.test('POST /admin/users/:id/sign-out ends another’s, on every replica', async t => {
  const pool = await startPool(t)
  const database = await newDatabase(t)
  const one = (await startApp(t, { DATABASE_URL: database }, pool)).app
  const two = (await startApp(t, { DATABASE_URL: database }, pool)).app
  const alice = person(one, pool, 'alice', { auth_time: now() - 5 })
  const { id } = (await alice.request('GET', '/me')).json()
  t.equal((await two.inject({ url: '/me', headers: bearer(alice.token) })).statusCode, 200)

  const root = administrator(one, pool)
  t.equal((await root.request('POST', `/admin/users/${id}/sign-out`)).statusCode, 204)
  for (const app of [one, two]) t.strictSame(codes(await app.inject({ url: '/me', headers: bearer(alice.token) })), [401, 'invalid_auth_token'])
  t.match((await root.request('GET', '/admin/audit?limit=1')).json(), [{ actor: 'root', action: 'signed_out', userId: id, username: 'alice' }])

  t.test('also where the user is removed, and made anew by the token', async t => {
    await root.request('DELETE', `/admin/users/${id}`)
    t.strictSame(codes(await alice.request('GET', '/me')), [401, 'invalid_auth_token'])
  })

  t.test('and answers 409 for a user that is not bound yet, who has no session', async t => {
    const added = (await root.request('POST', '/admin/users', { payload: { username: 'new', email: 'new@example.com' } })).json()
    t.strictSame(codes(await root.request('POST', `/admin/users/${added.id}/sign-out`)), [409, 'conflict'])
    t.equal((await root.request('GET', '/admin/audit?limit=1')).json()[0].action, 'created', 'and the audit trail notes none')
  })
})

t.test('an administrator who is signed out administers no more', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  await root.request('POST', '/me/sign-out')
  t.strictSame(codes(await root.request('GET', '/admin/users')), [401, 'invalid_auth_token'])
})

t.test('a sign-out is forgotten when the last token it is about has expired', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const { app } = await startApp(t, { DATABASE_URL }, pool)
  await person(app, pool, 'alice').request('POST', '/me/sign-out')
  await person(app, pool, 'bob').request('POST', '/me/sign-out')
  await app.db.updateTable('sign_outs').set({ expires_at: '2000-01-01T00:00:00.000Z' }).where('subject', '=', 'subject-of-alice').execute()
  await app.close()

  const again = (await startApp(t, { DATABASE_URL }, pool)).app
  const left = () => again.db.selectFrom('sign_outs').select('subject').execute()
  while ((await left()).length > 1) await wait(10)
  t.strictSame(await left(), [{ subject: 'subject-of-bob' }])
})
