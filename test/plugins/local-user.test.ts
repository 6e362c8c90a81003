// Runs on SQLite and PostgreSQL.
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { insertUser, type NewUser } from '../../src/users/queries.ts'
import { bearer, startApp, startPool } from '../support/app.ts'
import type { UserPool } from '../support/user-pool.ts'

const alice = 'c4a5d0d2-0001-4000-8000-000000000001'
const mallory = 'c4a5d0d2-0009-4000-8000-000000000009'
const strict = { USER_PROVISIONING: 'strict' }

/** Adds a local user, as an administrator does, or as it is once bound. */
async function addUser (app: FastifyInstance, user: Partial<NewUser> = {}): Promise<void> {
  await insertUser(app.db, { username: 'alice', email: 'alice@example.com', issuer: null, sub: null, ...user })
}

async function setDisabled (app: FastifyInstance, disabled: 0 | 1): Promise<void> {
  await app.db.updateTable('users').set({ disabled }).execute()
}

/** The response of `GET /me`, in short. */
async function me (app: FastifyInstance, token: string): Promise<{ status: number, id?: number, code?: string }> {
  const response = await app.inject({ url: '/me', headers: bearer(token) })
  const { id, code } = response.json()
  return { status: response.statusCode, ...(id && { id }), ...(code && { code }) }
}

async function listUsers (app: FastifyInstance) {
  return app.db.selectFrom('users').select(['id', 'username', 'email', 'issuer', 'subject']).orderBy('id').execute()
}

function bound (pool: UserPool, changes: Partial<NewUser> = {}) {
  return { id: 1, username: 'alice', email: 'alice@example.com', issuer: pool.issuer, subject: alice, ...changes }
}

t.test('strict: a verified user without a local user gets 403, and is not added', async t => {
  const { app, pool } = await startApp(t, strict)
  t.same(await me(app, pool.idToken()), { status: 403, code: 'no_such_user' })
  t.same(await me(app, pool.accessToken()), { status: 403, code: 'no_such_user' })
  t.same(await listUsers(app), [])
})

t.test('strict is the default', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: '' })
  t.same(await me(app, pool.idToken()), { status: 403, code: 'no_such_user' })
})

t.test('strict: an added user is bound on the first id token with its e-mail address, in either case of letters', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app, { email: 'Alice@Example.com' })
  t.same(await me(app, pool.idToken({ email: 'aLICE@example.COM' })), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { email: 'Alice@Example.com' })])
})

t.test('a bound user is found by its subject alone, whatever its token says of an address', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  await me(app, pool.idToken())
  t.same(await me(app, pool.accessToken()), { status: 200, id: 1 })
  for (const email of ['new@example.com', undefined]) t.same(await me(app, pool.idToken({ email })), { status: 200, id: 1 }, `${email}`)
  t.same(await me(app, pool.idToken({ email_verified: false })), { status: 200, id: 1 })
  t.match(await listUsers(app), [{ id: 1, username: 'alice', issuer: pool.issuer, subject: alice }])
})

t.test('an e-mail address that is not verified binds no user', async t => {
  for (const verified of [false, undefined, 'true', 1, null]) {
    const { app, pool } = await startApp(t, strict)
    await addUser(app)
    t.same(await me(app, pool.idToken({ email_verified: verified })), { status: 403, code: 'email_not_verified' }, `${verified}`)
    t.match(await listUsers(app), [{ id: 1, subject: null }])
  }
})

t.test('auto: a user with an unverified e-mail address is added without the address', async t => {
  for (const verified of [false, undefined, 'true', 1, null]) {
    const { app, pool } = await startApp(t)
    await addUser(app, { username: 'owner' })
    t.same(await me(app, pool.idToken({ email_verified: verified })), { status: 200, id: 2 }, `${verified}`)
    t.match(await listUsers(app), [{ id: 1, subject: null }, { id: 2, username: 'alice', email: null, subject: alice }])
  }
})

t.test('strict: an access token without an e-mail claim binds no user', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  t.same(await me(app, pool.accessToken()), { status: 403, code: 'no_such_user' })
  t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
  t.same(await me(app, pool.accessToken()), { status: 200, id: 1 })
})

t.test('a verified e-mail address that a trigger put into an access token binds the user', async t => {
  for (const changes of [strict, {}]) {
    const { app, pool } = await startApp(t, { ...changes, COGNITO_TOKEN_USE: 'access' })
    await addUser(app)
    t.same(await me(app, pool.accessToken({ email: 'alice@example.com', email_verified: true })), { status: 200, id: 1 })
    t.same(await listUsers(app), [bound(pool)])
  }
})

t.test('a user bound to one subject is never found by e-mail for another', async t => {
  for (const [changes, response] of [[strict, { status: 403, code: 'no_such_user' }], [{}, { status: 200, id: 2 }]] as const) {
    const { app, pool } = await startApp(t, changes)
    await addUser(app, { issuer: pool.issuer, sub: alice })
    t.same(await me(app, pool.idToken({ sub: mallory, 'cognito:username': 'mallory' })), response)
    t.match(await listUsers(app), [{ id: 1, username: 'alice', subject: alice }])
  }
})

t.test('the same subject of another pool is another user', async t => {
  const pool = await startPool(t)
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  const answer = pool.answer
  // One endpoint serves both pools, as Cognito's does.
  pool.answer = (request, response) => request.url?.includes(other.id) ? other.answer(request, response) : answer(request, response)
  const { app } = await startApp(t, { AWS_USER_POOLS_ID: `${pool.id},${other.id}` }, pool)
  t.same(await me(app, pool.idToken()), { status: 200, id: 1 })

  const iss = `${pool.endpoint}/${other.id}`
  t.same(await me(app, other.idToken({ iss })), { status: 200, id: 2 })
  t.same(await listUsers(app), [bound(pool), { ...bound(pool), id: 2, issuer: iss }])
})

t.test('auto: a verified user is added on its first token, an id or an access token', async t => {
  for (const first of ['idToken', 'accessToken'] as const) {
    const { app, pool } = await startApp(t)
    t.same(await me(app, pool[first]()), { status: 200, id: 1 })
    t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
    t.same(await me(app, pool.accessToken()), { status: 200, id: 1 })
    t.same(await listUsers(app), [bound(pool)])
  }
})

t.test('auto: a user without an e-mail address is added too', async t => {
  const { app, pool } = await startApp(t)
  t.same(await me(app, pool.idToken({ email: undefined, email_verified: undefined })), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { email: null })])
})

t.test('auto: a username that is taken gets a number', async t => {
  const { app, pool } = await startApp(t)
  await addUser(app, { email: 'first@example.com' })
  t.same(await me(app, pool.idToken()), { status: 200, id: 2 })
  t.same(await listUsers(app), [
    { ...bound(pool, { email: 'first@example.com', issuer: null }), subject: null },
    { ...bound(pool, { username: 'alice-2' }), id: 2 }
  ])
})

t.test('auto: an added user is bound, not added twice', async t => {
  const { app, pool } = await startApp(t)
  await addUser(app, { username: 'added-by-an-administrator' })
  t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { username: 'added-by-an-administrator' })])
})

t.test('a disabled user gets 403, also on its first token and with a cached token', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  await setDisabled(app, 1)
  const token = pool.idToken()
  t.same(await me(app, token), { status: 403, code: 'user_disabled' })

  await setDisabled(app, 0)
  t.same(await me(app, token), { status: 200, id: 1 })
  await setDisabled(app, 1)
  t.same(await me(app, token), { status: 403, code: 'user_disabled' })
})

t.test('many first requests at once add one user', async t => {
  const { app, pool } = await startApp(t)
  const answers = await Promise.all(Array.from({ length: 20 }, async () => me(app, pool.idToken())))
  t.same(answers, Array.from({ length: 20 }, () => ({ status: 200, id: 1 })))
  t.same(await listUsers(app), [bound(pool)])
})

t.test('many first requests at once bind one user', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  const answers = await Promise.all(Array.from({ length: 20 }, async () => me(app, pool.idToken())))
  t.same(answers, Array.from({ length: 20 }, () => ({ status: 200, id: 1 })))
  t.same(await listUsers(app), [bound(pool)])
})

t.test('strict: of two subjects that prove one address at once, one is bound and the other gets 403', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  const answers = await Promise.all([alice, mallory].map(async sub => me(app, pool.idToken({ sub }))))
  t.same(answers.map(({ status }) => status).sort(), [200, 403])
  t.equal((await listUsers(app)).length, 1)
})
