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

/** What `GET /me` answers, in short. */
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

t.test('strict: a verified user whom nobody added is a 403, and is not added', async t => {
  const { app, pool } = await startApp(t, strict)
  t.same(await me(app, pool.idToken()), { status: 403, code: 'no_such_user' })
  t.same(await me(app, pool.accessToken()), { status: 403, code: 'no_such_user' })
  t.same(await listUsers(app), [])
})

t.test('strict is the default', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: '' })
  t.same(await me(app, pool.idToken()), { status: 403, code: 'no_such_user' })
})

t.test('strict: an added user is bound on the first id token with its e-mail, in any case of letters', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app, { email: 'Alice@Example.com' })
  t.same(await me(app, pool.idToken({ email: 'aLICE@example.COM' })), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { email: 'Alice@Example.com' })])
})

t.test('once bound, a user is known by its subject alone', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  await me(app, pool.idToken())
  t.same(await me(app, pool.accessToken()), { status: 200, id: 1 })
  t.same(await me(app, pool.idToken({ email: 'new@example.com' })), { status: 200, id: 1 })
  t.same(await me(app, pool.idToken({ email: undefined })), { status: 200, id: 1 })
  t.same(await me(app, pool.idToken({ email_verified: false })), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool)])
})

t.test('an e-mail that is not verified binds nobody and adds nobody', async t => {
  for (const changes of [strict, {}]) {
    const { app, pool } = await startApp(t, changes)
    await addUser(app)
    for (const verified of [false, undefined, 'true', 1, null]) {
      t.same(await me(app, pool.idToken({ email_verified: verified })), { status: 403, code: 'email_not_verified' }, `${verified}`)
    }
    t.match(await listUsers(app), [{ id: 1, subject: null }])
  }

  const { app, pool } = await startApp(t)
  t.same(await me(app, pool.idToken({ email_verified: false })), { status: 403, code: 'email_not_verified' })
  t.same(await listUsers(app), [])
})

t.test('an access token binds nobody, having no e-mail', async t => {
  for (const changes of [strict, {}]) {
    const { app, pool } = await startApp(t, changes)
    await addUser(app)
    const token = pool.accessToken({ email: 'alice@example.com', email_verified: true })
    t.same(await me(app, token), { status: 403, code: 'no_such_user' })
    t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
    t.same(await me(app, token), { status: 200, id: 1 })
  }
})

t.test('a user bound to one subject is never matched by e-mail for another', async t => {
  for (const changes of [strict, {}]) {
    const { app, pool } = await startApp(t, changes)
    await addUser(app, { issuer: pool.issuer, sub: alice })
    t.same(await me(app, pool.idToken({ sub: mallory, 'cognito:username': 'mallory' })), { status: 403, code: 'no_such_user' })
    t.same(await me(app, pool.idToken({ sub: mallory, email_verified: false })), { status: 403, code: 'email_not_verified' })
    t.same(await listUsers(app), [bound(pool)])
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
  t.same(await me(app, other.idToken({ iss })), { status: 403, code: 'no_such_user' })
  t.same(await me(app, other.idToken({ iss, email: 'b@example.com', 'cognito:username': 'b' })), { status: 200, id: 2 })
})

t.test('auto: a verified user is added on its first id token', async t => {
  const { app, pool } = await startApp(t)
  t.same(await me(app, pool.accessToken()), { status: 403, code: 'no_such_user' })
  t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
  t.same(await me(app, pool.accessToken()), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool)])
})

t.test('auto: a user without an e-mail address is added too', async t => {
  const { app, pool } = await startApp(t)
  t.same(await me(app, pool.idToken({ email: undefined, email_verified: undefined })), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { email: null })])
})

t.test('auto: a username that is taken is nobody else\'s', async t => {
  const { app, pool } = await startApp(t)
  await addUser(app, { email: 'first@example.com' })
  t.same(await me(app, pool.idToken()), { status: 403, code: 'no_such_user' })
  t.match(await listUsers(app), [{ id: 1, subject: null }])
})

t.test('auto: an added user is bound, not added twice', async t => {
  const { app, pool } = await startApp(t)
  await addUser(app, { username: 'added-by-an-administrator' })
  t.same(await me(app, pool.idToken()), { status: 200, id: 1 })
  t.same(await listUsers(app), [bound(pool, { username: 'added-by-an-administrator' })])
})

t.test('a disabled user is refused, also on its first token and with a token that was taken before', async t => {
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

t.test('of two subjects that claim one e-mail at once, one is bound and the other refused', async t => {
  const { app, pool } = await startApp(t, strict)
  await addUser(app)
  const answers = await Promise.all([alice, mallory].map(async sub => me(app, pool.idToken({ sub }))))
  t.same(answers.map(({ status }) => status).sort(), [200, 403])
  t.equal((await listUsers(app)).length, 1)
})
