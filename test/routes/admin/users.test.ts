import t from 'tap'
import { bearer, startApp } from '../../support/app.ts'
import { administrator, codes, person } from '../../support/people.ts'

t.test('/admin/users is for the admin group alone, which needs no local user', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  const routes = [['GET', '/admin/users'], ['POST', '/admin/users'], ['GET', '/admin/users/1'], ['PATCH', '/admin/users/1'], ['DELETE', '/admin/users/1'], ['POST', '/admin/users/1/sign-out'], ['GET', '/admin/audit']] as const
  for (const [method, url] of routes) {
    t.strictSame(codes(await app.inject({ method, url })), [401, 'no_auth_token'])
    t.strictSame(codes(await person(app, pool, 'alice').request(method, url)), [403, 'forbidden'])
  }
  t.strictSame((await administrator(app, pool).request('GET', '/admin/users')).json(), [])
  const access = pool.accessToken({ 'cognito:groups': ['admin'] })
  t.equal((await app.inject({ url: '/admin/users', headers: bearer(access) })).statusCode, 200)
})

t.test('ADMIN_GROUP names the group', async t => {
  const { app, pool } = await startApp(t, { ADMIN_GROUP: 'operators' })
  t.strictSame(codes(await administrator(app, pool).request('GET', '/admin/users')), [403, 'forbidden'])
  t.equal((await person(app, pool, 'op', { 'cognito:groups': ['authors', 'operators'] }).request('GET', '/admin/users')).statusCode, 200)
})

t.test('a user is added, read, changed and removed', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  const root = administrator(app, pool)

  const added = await root.request('POST', '/admin/users', { payload: { username: 'Alice', email: 'Alice@Example.com' } })
  t.equal(added.statusCode, 201)
  t.equal(added.headers.location, '/admin/users/1')
  t.match(added.json(), { id: 1, username: 'Alice', email: 'Alice@Example.com', disabled: false, issuer: null, sub: null })
  t.strictSame((await root.request('GET', '/admin/users/1')).json(), added.json())

  const changed = await root.request('PATCH', '/admin/users/1', { payload: { username: 'alicia', email: 'alicia@example.com', disabled: true } })
  t.match(changed.json(), { id: 1, username: 'alicia', email: 'alicia@example.com', disabled: true })
  t.match((await root.request('PATCH', '/admin/users/1', { payload: { disabled: false } })).json(), { username: 'alicia', disabled: false })

  t.equal((await root.request('DELETE', '/admin/users/1')).statusCode, 204)
  for (const method of ['GET', 'DELETE'] as const) t.strictSame(codes(await root.request(method, '/admin/users/1')), [404, 'not_found'])
  t.strictSame(codes(await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })), [404, 'not_found'])
  t.strictSame(codes(await root.request('POST', '/admin/users/1/sign-out')), [404, 'not_found'])

  t.test('and the audit trail says by whom, the newest first', async t => {
    const trail = await root.request('GET', '/admin/audit')
    t.match(trail.json(), [
      { actor: 'root', action: 'deleted', userId: 1, username: 'alicia' },
      { action: 'enabled', changes: {} },
      { action: 'disabled' },
      { action: 'changed', changes: { username: 'alicia', email: 'alicia@example.com' } },
      { action: 'created', username: 'Alice', changes: { email: 'Alice@Example.com' } }
    ])
    t.equal(trail.json().length, 5)
    const page = await root.request('GET', '/admin/audit?limit=2')
    t.equal(page.headers.link, '</admin/audit?limit=2&after=4>; rel="next"')
    const next = await root.request('GET', '/admin/audit?limit=2&after=4')
    t.strictSame(next.json().map(({ id }: { id: number }) => id), [3, 2])
    t.equal((await root.request('GET', '/admin/audit', { headers: { 'if-none-match': String(trail.headers.etag) } })).statusCode, 304)
  })
})

t.test('POST and PATCH /admin/users refuse', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  await root.request('POST', '/admin/users', { payload: { username: 'alice', email: 'alice@example.com' } })
  await root.request('POST', '/admin/users', { payload: { username: 'bob', email: 'bob@example.com' } })

  const taken = [{ username: 'alice', email: 'x@example.com' }, { username: 'x', email: 'alice@example.com' }, { username: 'x', email: 'ALICE@example.COM' }]
  for (const payload of taken) {
    t.strictSame(codes(await root.request('POST', '/admin/users', { payload })), [409, 'conflict'])
    t.strictSame(codes(await root.request('PATCH', '/admin/users/2', { payload })), [409, 'conflict'])
  }
  t.match((await root.request('GET', '/admin/users/2')).json(), { username: 'bob', email: 'bob@example.com' })

  const bad = [{ username: '', email: 'x@example.com' }, { username: 'a b', email: 'x@example.com' }, { username: 'x'.repeat(129), email: 'x@example.com' }, { username: 'x', email: 'x' }, { username: 'x', email: 'x@' }, { username: 'x', email: 'a\0@b' }, { username: 'x', email: null }, { username: 'x', email: 'x@example.com', id: 7 }, { username: 'x', email: 'x@example.com', sub: 'y' }]
  for (const payload of bad) {
    t.strictSame(codes(await root.request('POST', '/admin/users', { payload })), [400, 'validation_failed'])
    t.strictSame(codes(await root.request('PATCH', '/admin/users/2', { payload })), [400, 'validation_failed'])
  }
  for (const payload of [{ username: 'x' }, {}]) t.strictSame(codes(await root.request('POST', '/admin/users', { payload })), [400, 'validation_failed'])
  for (const payload of [{ disabled: 'true' }, { disabled: 1 }, {}]) t.strictSame(codes(await root.request('PATCH', '/admin/users/2', { payload })), [400, 'validation_failed'])
})

t.test('GET /admin/users pages and searches', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  for (const username of ['alice', 'bob', 'carol_x', 'dave']) await root.request('POST', '/admin/users', { payload: { username, email: `${username}@${username === 'dave' ? 'Work' : 'home'}.example` } })
  const names = async (url: string) => (await root.request('GET', url)).json().map(({ username }: { username: string }) => username)

  t.strictSame(await names('/admin/users?limit=2'), ['alice', 'bob'])
  t.equal((await root.request('GET', '/admin/users?limit=2')).headers.link, '</admin/users?limit=2&after=2>; rel="next"')
  t.strictSame(await names('/admin/users?limit=2&after=2'), ['carol_x', 'dave'])
  t.strictSame(await names('/admin/users?order=desc&limit=2'), ['dave', 'carol_x'])
  t.strictSame(await names('/admin/users?order=desc&after=3&q=home'), ['bob', 'alice'])
  t.strictSame(await names('/admin/users?q=WORK'), ['dave'])
  t.strictSame(await names('/admin/users?q=L_X'), ['carol_x'])
  t.strictSame(await names('/admin/users?q=%25'), [])
})

t.test('disabling a user takes effect on the next request', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  const alice = person(app, pool, 'alice')
  t.equal((await alice.request('GET', '/articles')).statusCode, 200)
  const { id } = (await alice.request('GET', '/me')).json()

  await root.request('PATCH', `/admin/users/${id}`, { payload: { disabled: true } })
  t.strictSame(codes(await alice.request('GET', '/articles')), [403, 'user_disabled'])
  t.strictSame(codes(await alice.request('POST', '/articles', { payload: { name: 'x' } })), [403, 'user_disabled'])
  await root.request('PATCH', `/admin/users/${id}`, { payload: { disabled: false } })
  t.equal((await alice.request('GET', '/articles')).statusCode, 200)
})

t.test('an administrator who is disabled, as a local user, administers no more', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  const mallory = person(app, pool, 'mallory', { 'cognito:groups': ['admin'] })
  const { id } = (await mallory.request('GET', '/me')).json()
  t.equal((await mallory.request('GET', '/admin/users')).statusCode, 200)
  await root.request('PATCH', `/admin/users/${id}`, { payload: { disabled: true } })
  t.strictSame(codes(await mallory.request('GET', '/admin/users')), [403, 'user_disabled'])
})
