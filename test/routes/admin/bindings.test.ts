import t from 'tap'
import { startApp, startPool } from '../../support/app.ts'
import { administrator, codes, person } from '../../support/people.ts'

const strict = { USER_PROVISIONING: 'strict' }

t.test('PATCH /admin/users/:id binds a user to another identity, and the articles stay with the user', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  const before = person(app, pool, 'alice')
  const { id } = (await before.request('POST', '/articles', { payload: { name: 'Mine' } })).json()
  const rebound = await root.request('PATCH', '/admin/users/1', { payload: { subject: 'subject-of-anew', userPoolId: pool.id } })
  t.match(rebound.json(), { id: 1, username: 'alice', issuer: pool.issuer, sub: 'subject-of-anew' })

  const after = person(app, pool, 'anew')
  t.equal((await after.request('GET', '/me')).json().id, 1)
  t.equal((await after.request('PATCH', `/articles/${id}`, { payload: { name: 'Still mine' } })).statusCode, 200)
  t.equal((await before.request('GET', '/me')).json().id, 2, 'the former identity is another user')
  t.match((await root.request('GET', '/admin/audit')).json().at(-2), { action: 'bound', userId: 1, changes: { issuer: pool.issuer, sub: 'subject-of-anew' } })
})

t.test('PATCH /admin/users/:id with null unbinds a user', async t => {
  for (const payload of [{ subject: null, userPoolId: null }, { subject: null }]) {
    const { app, pool } = await startApp(t, strict)
    const root = administrator(app, pool)
    await root.request('POST', '/admin/users', { payload: { username: 'alice', subject: 'subject-of-alice' } })
    const alice = person(app, pool, 'alice', { email: undefined })
    t.equal((await alice.request('GET', '/me')).statusCode, 200)
    t.match((await root.request('PATCH', '/admin/users/1', { payload })).json(), { issuer: null, sub: null })
    t.strictSame(codes(await alice.request('GET', '/me')), [403, 'no_such_user'])
    t.match((await root.request('GET', '/admin/audit')).json()[0], { action: 'unbound', userId: 1, changes: { issuer: pool.issuer, sub: 'subject-of-alice' } })
    t.equal((await root.request('PATCH', '/admin/users/1', { payload })).statusCode, 200, 'a second time changes nothing')
    t.equal((await root.request('GET', '/admin/audit')).json().length, 2)
  }
})

t.test('a binding to the identity of another user gets 409', async t => {
  const { app, pool } = await startApp(t, strict)
  const root = administrator(app, pool)
  for (const username of ['alice', 'bob']) await root.request('POST', '/admin/users', { payload: { username, subject: `subject-of-${username}` } })
  t.strictSame(codes(await root.request('PATCH', '/admin/users/2', { payload: { subject: 'subject-of-alice' } })), [409, 'conflict'])
  t.strictSame(codes(await root.request('POST', '/admin/users', { payload: { username: 'carol', subject: 'subject-of-alice' } })), [409, 'conflict'])
  t.match((await root.request('GET', '/admin/users/2')).json(), { sub: 'subject-of-bob' })
})

t.test('a binding that names no identity gets 400', async t => {
  const pool = await startPool(t)
  const { app } = await startApp(t, { ...strict, AWS_USER_POOLS_ID: `${pool.id},eu-west-1_Other0001` }, pool)
  const root = administrator(app, pool)
  await root.request('POST', '/admin/users', { payload: { username: 'alice', email: 'alice@example.com' } })
  const rows: [payload: Record<string, unknown>, path: string][] = [
    [{ userPoolId: pool.id }, '/subject'],
    [{ userPoolId: null }, '/subject'],
    [{ subject: 'x' }, '/userPoolId'],
    [{ subject: 'x', userPoolId: null }, '/userPoolId'],
    [{ subject: null, userPoolId: pool.id }, '/userPoolId'],
    [{ subject: 'x', userPoolId: 'eu-west-1_Unknown01' }, '/userPoolId'],
    [{ subject: 'x', userPoolId: 'no pool' }, '/userPoolId'],
    [{ subject: '', userPoolId: pool.id }, '/subject'],
    [{ subject: 'a\0b', userPoolId: pool.id }, '/subject'],
    [{ subject: 'x'.repeat(256), userPoolId: pool.id }, '/subject'],
    [{ subject: 7, userPoolId: pool.id }, '/subject']
  ]
  for (const [payload, path] of rows) {
    const response = await root.request('PATCH', '/admin/users/1', { payload })
    t.strictSame(codes(response), [400, 'validation_failed'], JSON.stringify(payload))
    t.match(response.json().errors, [{ in: 'body', path }], JSON.stringify(payload))
  }
  t.match((await root.request('GET', '/admin/users/1')).json(), { sub: null })
  const added = await root.request('POST', '/admin/users', { payload: { username: 'bob' } })
  t.match(added.json().errors, [{ in: 'body', path: '/email' }])
})
