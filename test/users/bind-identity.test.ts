import t, { type Test } from 'tap'
import type { LightMyRequestResponse } from 'fastify'
import { serviceActor } from '../../src/audit/actor.ts'
import { openDatabase } from '../../src/database/open.ts'
import { changeUser } from '../../src/users/manage-users.ts'
import { newDatabase, startApp, startPool, type TestApp } from '../support/app.ts'
import { administrator, codes, person, personWith, type Person } from '../support/people.ts'

const strict = { USER_PROVISIONING: 'strict' }
const auto = { USER_PROVISIONING: 'auto' }

interface Started extends TestApp {
  root: Person
  /** What the service answers to somebody: the number of the local user, or why there is none. */
  ask (claims?: Record<string, unknown>): Promise<number | string>
  /** The local users, by username, with their e-mail and subject. */
  users (): Promise<[string, string | null, string | null][]>
  /** The audit trail in short, the oldest first. */
  trail (): Promise<string[]>
}

async function start (t: Test, changes: Record<string, string>): Promise<Started> {
  const started = await startApp(t, changes)
  const { app, pool } = started
  const root = administrator(app, pool)
  const list = async (url: string) => (await root.request('GET', url)).json()
  return {
    ...started,
    root,
    ask: async (claims = {}) => answer(await person(app, pool, 'alice', claims).request('GET', '/me')),
    users: async () => (await list('/admin/users')).map(({ username, email, sub }: Record<string, unknown>) => [username, email, sub]),
    trail: async () => (await list('/admin/audit')).map(({ actor, action, username }: Record<string, unknown>) => `${actor} ${action} ${username}`).reverse()
  }
}

function answer (response: LightMyRequestResponse): number | string {
  return response.statusCode === 200 ? response.json().id : codes(response).join(' ')
}

async function add (root: Person, username: string, email = `${username}@example.com`): Promise<LightMyRequestResponse> {
  return root.request('POST', '/admin/users', { payload: { username, email } })
}

t.test('strict: who was not added is refused, and stays unknown', async t => {
  const { ask, users, trail } = await start(t, strict)
  t.equal(await ask(), '403 no_such_user')
  t.equal(await ask({ email: undefined, email_verified: undefined }), '403 no_such_user')
  t.equal(await ask({ email_verified: false }), '403 email_not_verified')
  t.strictSame([await users(), await trail()], [[], []])
})

t.test('an added user is bound to the first id token with its e-mail, whatever the case of its letters', async t => {
  for (const changes of [strict, auto]) {
    const { root, ask, users, trail } = await start(t, changes)
    await add(root, 'alice', 'Alice.Smith@Example.COM')
    t.equal(await ask({ 'cognito:username': 'c4a5d0d2', email: 'aLICE.sMITH@eXAMPLE.com' }), 1)
    t.strictSame(await users(), [['alice', 'Alice.Smith@Example.COM', 'subject-of-alice']])
    t.strictSame(await trail(), ['root created alice', 'c4a5d0d2 bound alice'])
  }
})

t.test('another subject with the same verified e-mail is somebody else', async t => {
  for (const changes of [strict, auto]) {
    const { root, ask, users, trail } = await start(t, changes)
    await add(root, 'alice')
    t.equal(await ask(), 1)
    t.equal(await ask({ sub: 'subject-of-mallory', 'cognito:username': 'mallory' }), '403 no_such_user')
    t.equal(await ask({ sub: 'subject-of-mallory', 'cognito:username': 'mallory', email: 'ALICE@EXAMPLE.COM' }), '403 no_such_user')
    t.strictSame(await users(), [['alice', 'alice@example.com', 'subject-of-alice']])
    t.strictSame(await trail(), ['root created alice', 'alice bound alice'])
  }
})

t.test('an e-mail that Cognito has not verified binds nobody', async t => {
  for (const changes of [strict, auto]) {
    const { root, ask, users } = await start(t, changes)
    await add(root, 'alice')
    for (const verified of [false, 'false', 'true', undefined, 1]) {
      t.equal(await ask({ email_verified: verified }), '403 email_not_verified', `${typeof verified} ${verified}`)
    }
    t.strictSame(await users(), [['alice', 'alice@example.com', null]])
    t.equal(await ask(), 1)
  }
})

t.test('an unverified e-mail address gets the same response whether it is unknown, added or bound here', async t => {
  for (const changes of [strict, auto]) {
    const { app, pool, root, ask } = await start(t, changes)
    await add(root, 'alice')
    await add(root, 'bob')
    t.equal(await ask(), 1)
    const responses = []
    for (const email of ['alice@example.com', 'bob@example.com', 'unknown@example.com']) {
      const { statusCode, body } = await person(app, pool, 'mallory', { email, email_verified: false }).request('GET', '/me')
      const { requestId, ...problem } = JSON.parse(body)
      responses.push({ statusCode, problem })
    }
    t.match(responses[0], { statusCode: 403, problem: { code: 'email_not_verified' } })
    t.strictSame(responses, [responses[0], responses[0], responses[0]])
  }
})

t.test('a federated user binds nobody by e-mail, whatever its provider says of the address', async t => {
  for (const verified of [true, 'true', false, undefined]) {
    const { root, ask, users } = await start(t, strict)
    await add(root, 'alice')
    t.equal(await ask({ email_verified: verified, identities: [{ userId: '108', providerName: 'Google' }] }), '403 email_not_verified')
    t.strictSame(await users(), [['alice', 'alice@example.com', null]])
  }
})

t.test('an e-mail address with a non-ASCII letter that lower case makes ASCII is another address', async t => {
  for (const [theirs, ours] of [['\u212Aate@example.com', 'kate@example.com'], ['sam@\u0130.example', 'sam@i\u0307.example'], ['\u00C5sa@example.com', '\u00E5sa@example.com']] as const) {
    const { root, ask, users } = await start(t, strict)
    await add(root, 'owner', ours)
    t.equal(await ask({ email: theirs }), '403 no_such_user', theirs)
    t.strictSame(await users(), [['owner', ours, null]])
    t.equal((await add(root, 'other', theirs)).statusCode, 201)
    t.equal(await ask({ email: ours.replace('example', 'EXAMPLE') }), 1)
  }
})

t.test('GET /admin/users finds an e-mail address by its own letters, ASCII letters in either case', async t => {
  const { root } = await start(t, strict)
  await add(root, 'owner', '\u212Aate@example.com')
  for (const q of ['\u212Aate@EXAMPLE', '\u212AATE']) t.equal((await root.request('GET', `/admin/users?q=${encodeURIComponent(q)}`)).json().length, 1, q)
})

t.test('a token without an e-mail binds nobody', async t => {
  const { root, ask, users } = await start(t, strict)
  await add(root, 'alice')
  for (const email of [undefined, null, '', 7, 'alice@example.com\0', ['alice@example.com']]) t.equal(await ask({ email }), '403 no_such_user', `${email}`)
  t.strictSame(await users(), [['alice', 'alice@example.com', null]])
})

t.test('no two local users share an e-mail', async t => {
  const { app, pool, root, ask, users } = await start(t, auto)
  t.equal(await ask(), 1)
  t.strictSame(codes(await add(root, 'alice-too', 'ALICE@example.com')), [409, 'conflict'])
  const { id: bob } = (await add(root, 'bob')).json()
  t.strictSame(codes(await root.request('PATCH', `/admin/users/${bob}`, { payload: { email: 'Alice@Example.com' } })), [409, 'conflict'])
  t.equal((await root.request('PATCH', '/admin/users/1', { payload: { email: 'Alice@Example.com' } })).statusCode, 200, 'one’s own e-mail is nobody else’s')
  t.equal(answer(await person(app, pool, 'carol', { email: 'BOB@EXAMPLE.COM' }).request('GET', '/me')), bob, 'who proves to own the e-mail is the user who waits')
  t.strictSame(await users(), [['alice', 'Alice@Example.com', 'subject-of-alice'], ['bob', 'bob@example.com', 'subject-of-carol']])
})

t.test('an e-mail that changed in Cognito leaves the user the same', async t => {
  for (const changes of [strict, auto]) {
    const { root, ask, users, trail } = await start(t, changes)
    await add(root, 'alice')
    await add(root, 'bob')
    t.equal(await ask(), 1)
    for (const email of ['alice@new.example', 'bob@example.com', undefined]) t.equal(await ask({ email }), 1)
    t.equal(await ask({ email: 'alice@new.example', email_verified: false, 'cognito:username': 'alicia' }), 1)
    t.strictSame(await users(), [['alice', 'alice@example.com', 'subject-of-alice'], ['bob', 'bob@example.com', null]])
    t.equal((await trail()).length, 3, 'and nothing to note')
  }
})

t.test('a user who was deleted in Cognito and made anew is a stranger, until an administrator says otherwise', async t => {
  const anew = { sub: 'subject-made-anew' }
  for (const changes of [strict, auto]) {
    const { root, ask, trail } = await start(t, changes)
    await add(root, 'alice')
    t.equal(await ask(), 1)
    t.equal(await ask(anew), '403 no_such_user')

    await root.request('DELETE', '/admin/users/1')
    await add(root, 'alice')
    t.equal(await ask(anew), 2)
    t.equal(await ask(), '403 no_such_user', 'and the subject of before is the stranger')
    t.strictSame(await trail(), ['root created alice', 'alice bound alice', 'root deleted alice', 'root created alice', 'alice bound alice'])
  }
})

t.test('an access token is let in once an id token has bound its user', async t => {
  for (const changes of [strict, auto]) {
    const { app, pool, root, ask } = await start(t, changes)
    await add(root, 'alice')
    const access = personWith(app, pool.accessToken({ sub: 'subject-of-alice', email: 'alice@example.com', email_verified: true }))
    const refused = await access.request('GET', '/me')
    t.equal(answer(refused), '403 no_such_user')
    t.match(refused.json().detail, 'Come once with an id token')
    t.equal(await ask(), 1)
    t.equal(answer(await access.request('GET', '/me')), 1)
  }
})

t.test('auto: ten first requests at once make one user', async t => {
  const { ask, users, trail } = await start(t, auto)
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask()))
  t.strictSame([typeof answers[0], new Set(answers).size], ['number', 1], `${answers}`)
  t.strictSame(await users(), [['alice', 'alice@example.com', 'subject-of-alice']])
  t.strictSame(await trail(), ['alice created alice'])
})

t.test('auto: so do ten over two replicas', async t => {
  const pool = await startPool(t)
  const changes = { ...auto, DATABASE_URL: await newDatabase(t) }
  const replicas = [await startApp(t, changes, pool), await startApp(t, changes, pool)]
  const asked = Array.from({ length: 5 }, () => replicas.map(({ app }) => person(app, pool, 'alice').request('GET', '/me'))).flat()
  const answers = (await Promise.all(asked)).map(answer)
  t.strictSame([typeof answers[0], new Set(answers).size], ['number', 1], `${answers}`)
})

t.test('auto: an e-mail that is not verified makes nobody', async t => {
  const { ask, users } = await start(t, auto)
  for (const verified of [false, 'false', 'true', undefined, 1]) t.equal(await ask({ email_verified: verified }), '403 email_not_verified')
  t.strictSame(await users(), [])
})

t.test('auto: the users of a pool without e-mails are made without', async t => {
  const { app, pool, users, trail } = await start(t, auto)
  for (const username of ['alice', 'bob']) {
    const response = await person(app, pool, username, { email: undefined, email_verified: undefined }).request('GET', '/me')
    t.match(response.json(), { username, email: null, sub: `subject-of-${username}` })
  }
  t.strictSame(await users(), [['alice', null, 'subject-of-alice'], ['bob', null, 'subject-of-bob']])
  t.strictSame(await trail(), ['alice created alice', 'bob created bob'])
})

t.test('auto: a username that belongs to another makes nobody', async t => {
  const { root, ask, users, trail } = await start(t, auto)
  await add(root, 'alice', 'another@example.com')
  t.equal(await ask(), '403 no_such_user')
  t.equal(await ask({ email: undefined }), '403 no_such_user')
  t.strictSame(await users(), [['alice', 'another@example.com', null]])
  t.strictSame(await trail(), ['root created alice'])
})

t.test('one subject in two pools is two people', async t => {
  const pool = await startPool(t)
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  // One endpoint serves both pools, as Cognito's does.
  pool.answer = (request, response) => (request.url?.includes(other.id) ? other : pool).publish(request, response)
  const { app } = await startApp(t, { AWS_USER_POOLS_ID: `${pool.id},${other.id}` }, pool)
  const ours = person(app, pool, 'alice')
  const theirs = personWith(app, other.idToken({ iss: `${pool.endpoint}/${other.id}`, sub: 'subject-of-alice', 'cognito:username': 'alicia', email: 'alicia@example.com' }))
  t.equal(answer(await ours.request('GET', '/me')), 1)
  t.equal(answer(await theirs.request('GET', '/me')), 2)

  const root = administrator(app, pool)
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  t.equal(answer(await ours.request('GET', '/me')), '403 user_disabled')
  t.equal(answer(await theirs.request('GET', '/me')), 2)
})

t.test('of many who ask at once each is who they are', async t => {
  const pool = await startPool(t)
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  pool.answer = (request, response) => (request.url?.includes(other.id) ? other : pool).publish(request, response)
  const { app } = await startApp(t, { AWS_USER_POOLS_ID: `${pool.id},${other.id}` }, pool)
  const iss = `${pool.endpoint}/${other.id}`
  // The same subjects in both pools.
  const people = Array.from({ length: 12 }, (_, n) => [
    person(app, pool, `ours-${n}`, { sub: `subject-${n}` }),
    personWith(app, other.idToken({ iss, sub: `subject-${n}`, 'cognito:username': `theirs-${n}`, email: `theirs-${n}@example.com` }))
  ]).flat()
  for (const { request } of people) t.equal((await request('GET', '/me')).statusCode, 200)
  const root = administrator(app, pool)
  await root.request('PATCH', '/admin/users/3', { payload: { disabled: true } })
  await root.request('POST', '/admin/users/6/sign-out')
  await root.request('DELETE', '/admin/users/9')
  const unknown = personWith(app, pool.accessToken({ sub: 'subject-of-nobody' }))
  const all = [...people, unknown, ...people]

  const alone: (number | string)[] = []
  for (const { request } of all) alone.push(answer(await request('GET', '/me')))
  t.match(alone.slice(0, 9), [1, 2, '403 user_disabled', 4, 5, '401 invalid_auth_token', 7, 8, Number])
  t.strictSame((await Promise.all(all.map(({ request }) => request('GET', '/me')))).map(answer), alone)
})

t.test('a disabled user is refused, also with a token that was taken before, or as the first', async t => {
  const { app, pool, root } = await start(t, strict)
  const alice = person(app, pool, 'alice')
  await add(root, 'alice')
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  t.equal(answer(await alice.request('GET', '/me')), '403 user_disabled')
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: false } })
  t.equal(answer(await alice.request('GET', '/me')), 1)
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  for (const method of ['GET', 'POST'] as const) t.strictSame(codes(await alice.request(method, '/articles', method === 'POST' ? { payload: { name: 'x' } } : {})), [403, 'user_disabled'])
  t.strictSame(codes(await alice.request('POST', '/me/sign-out')), [403, 'user_disabled'])
})

t.test('an administrator whose disabled user is not bound yet administers nothing, and cannot enable it', async t => {
  const { app, pool, root, ask } = await start(t, strict)
  const claims = { 'cognito:groups': ['admin'] }
  const id = person(app, pool, 'alice', { ...claims, email: 'ALICE@example.com' })
  const access = personWith(app, pool.accessToken({ ...claims, sub: 'subject-of-alice', username: 'alice' }))
  await add(root, 'alice')
  for (const alice of [id, access]) t.equal((await alice.request('GET', '/admin/users')).statusCode, 200)

  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  for (const alice of [id, access]) {
    t.strictSame(codes(await alice.request('GET', '/admin/users')), [403, 'user_disabled'])
    t.strictSame(codes(await alice.request('PATCH', '/admin/users/1', { payload: { disabled: false } })), [403, 'user_disabled'])
    t.strictSame(codes(await alice.request('GET', '/admin/audit')), [403, 'user_disabled'])
  }
  for (const email of [{ email: 'other@example.com' }, { email_verified: false }, { email: undefined }]) {
    const alice = person(app, pool, 'alice', { ...claims, ...email })
    t.strictSame(codes(await alice.request('PATCH', '/admin/users/1', { payload: { disabled: false } })), [403, 'user_disabled'], JSON.stringify(email))
  }
  const unverified = person(app, pool, 'carol', { ...claims, email: 'alice@example.com', email_verified: false })
  t.equal((await unverified.request('GET', '/admin/users')).statusCode, 200, 'an address that is not proved says nothing of who it is')
  t.equal(await ask(), '403 user_disabled')
  t.equal((await root.request('GET', '/admin/users')).statusCode, 200)
})

t.test('a user whom another process disables is refused from the next request on', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const { app } = await startApp(t, { ...auto, DATABASE_URL }, pool)
  const database = openDatabase(DATABASE_URL)
  const { db } = database
  t.teardown(() => database.close())
  const alice = person(app, pool, 'alice')
  t.equal(answer(await alice.request('GET', '/me')), 1)
  for (const disabled of [true, false, true]) {
    await changeUser(db, serviceActor('command line'), 1, { disabled })
    t.equal(answer(await alice.request('GET', '/me')), disabled ? '403 user_disabled' : 1)
  }
})

t.test('the audit trail says to whom a user was bound, or for whom it was made', async t => {
  const { app, pool, root } = await start(t, auto)
  await add(root, 'alice')
  for (const username of ['alice', 'bob']) await person(app, pool, username).request('GET', '/me')
  t.match((await root.request('GET', '/admin/audit')).json(), [
    { actor: 'bob', action: 'created', userId: 2, username: 'bob', changes: { issuer: pool.issuer, sub: 'subject-of-bob' } },
    { actor: 'alice', action: 'bound', userId: 1, username: 'alice', changes: { issuer: pool.issuer, sub: 'subject-of-alice' } },
    { actor: 'root', action: 'created', userId: 1, username: 'alice', changes: { email: 'alice@example.com' } }
  ])
})
