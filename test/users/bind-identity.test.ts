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
  /** The response of the service: the id of the local user, or the status and code of the refusal. */
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

t.test('strict: a verified user without a local user gets 403, and none is made', async t => {
  const { ask, users, trail } = await start(t, strict)
  t.equal(await ask(), '403 no_such_user')
  t.equal(await ask({ email: undefined, email_verified: undefined }), '403 no_such_user')
  t.equal(await ask({ email_verified: false }), '403 email_not_verified')
  t.strictSame([await users(), await trail()], [[], []])
})

t.test('an added user is bound to the first id token with its e-mail address, in either case of letters', async t => {
  for (const changes of [strict, auto]) {
    const { root, ask, users, trail } = await start(t, changes)
    await add(root, 'alice', 'Alice.Smith@Example.COM')
    t.equal(await ask({ 'cognito:username': 'c4a5d0d2', email: 'aLICE.sMITH@eXAMPLE.com' }), 1)
    t.strictSame(await users(), [['alice', 'Alice.Smith@Example.COM', 'subject-of-alice']])
    t.strictSame(await trail(), ['root created alice', 'c4a5d0d2 bound alice'])
  }
})

t.test('strict: another subject with the same verified e-mail address gets 403', async t => {
  const { root, ask, users, trail } = await start(t, strict)
  await add(root, 'alice')
  t.equal(await ask(), 1)
  for (const email of ['alice@example.com', 'ALICE@EXAMPLE.COM']) {
    t.equal(await ask({ sub: 'subject-of-mallory', 'cognito:username': 'mallory', email }), '403 no_such_user')
  }
  t.strictSame(await users(), [['alice', 'alice@example.com', 'subject-of-alice']])
  t.strictSame(await trail(), ['root created alice', 'alice bound alice'])
})

t.test('an e-mail address that Cognito has not verified binds no user', async t => {
  for (const verified of [false, 'false', 'true', undefined, 1]) {
    const { root, ask, users } = await start(t, strict)
    await add(root, 'alice')
    t.equal(await ask({ email_verified: verified }), '403 email_not_verified', `${typeof verified} ${verified}`)
    t.strictSame(await users(), [['alice', 'alice@example.com', null]])
    t.equal(await ask(), 1)
  }
})

t.test('strict: an unverified e-mail address gets the same response whether it is unknown, added or bound here', async t => {
  const { app, pool, root, ask } = await start(t, strict)
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
})

t.test('strict: a federated user binds no user by e-mail, whatever its provider says of the address', async t => {
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

t.test('strict: a token without a usable e-mail claim binds no user', async t => {
  const { root, ask, users } = await start(t, strict)
  await add(root, 'alice')
  for (const email of [undefined, null, '', 7, 'alice@example.com\0', ['alice@example.com']]) t.equal(await ask({ email }), '403 no_such_user', `${email}`)
  t.strictSame(await users(), [['alice', 'alice@example.com', null]])
})

t.test('no two users of an issuer, and no two unbound users, share an e-mail address', async t => {
  const { app, pool, root, ask, users } = await start(t, auto)
  t.equal(await ask(), 1)
  const { id: bob } = (await add(root, 'bob')).json()
  t.strictSame(codes(await add(root, 'bob-too', 'BOB@example.com')), [409, 'conflict'])
  t.strictSame(codes(await root.request('POST', '/admin/users', {
    payload: { username: 'alice-too', email: 'ALICE@example.com', subject: 'subject-of-alice-too' }
  })), [409, 'conflict'])
  t.equal((await root.request('PATCH', '/admin/users/1', { payload: { email: 'Alice@Example.com' } })).statusCode, 200, 'its own address')
  t.equal(answer(await person(app, pool, 'carol', { email: 'BOB@EXAMPLE.COM' }).request('GET', '/me')), bob, 'the proof binds the unbound user')
  t.strictSame(await users(), [['alice', 'Alice@Example.com', 'subject-of-alice'], ['bob', 'bob@example.com', 'subject-of-carol']])
})

t.test('strict: a user who was deleted in Cognito and made anew gets 403 until an administrator adds the user again', async t => {
  const anew = { sub: 'subject-made-anew' }
  const { root, ask, trail } = await start(t, strict)
  await add(root, 'alice')
  t.equal(await ask(), 1)
  t.equal(await ask(anew), '403 no_such_user')

  await root.request('DELETE', '/admin/users/1')
  await add(root, 'alice')
  t.equal(await ask(anew), 2)
  t.equal(await ask(), '403 no_such_user', 'the former subject')
  t.strictSame(await trail(), ['root created alice', 'alice bound alice', 'root deleted alice', 'root created alice', 'alice bound alice'])
})

t.test('auto: a user who was deleted in Cognito and made anew is another user, with a number behind the name', async t => {
  const { ask, users } = await start(t, auto)
  const iat = Math.floor(Date.now() / 1000)
  t.equal(await ask({ iat: iat - 10 }), 1)
  t.equal(await ask({ sub: 'subject-made-anew', iat }), 2)
  t.strictSame(await users(), [['alice', null, 'subject-of-alice'], ['alice-2', 'alice@example.com', 'subject-made-anew']])
})

t.test('strict: an access token is accepted once an id token has bound its user', async t => {
  const { app, pool, root, ask } = await start(t, strict)
  await add(root, 'alice')
  const access = personWith(app, pool.accessToken({ sub: 'subject-of-alice' }))
  const refused = await access.request('GET', '/me')
  t.equal(answer(refused), '403 no_such_user')
  t.match(refused.json().detail, 'Come once with an id token')
  t.equal(await ask(), 1)
  t.equal(answer(await access.request('GET', '/me')), 1)
})

t.test('strict: a refusal never advises a kind of token that is not accepted', async t => {
  const { app, pool } = await start(t, { ...strict, COGNITO_TOKEN_USE: 'access' })
  const refused = await personWith(app, pool.accessToken()).request('GET', '/me')
  t.equal(answer(refused), '403 no_such_user')
  t.notMatch(refused.json().detail, /id token/)
})

t.test('strict: the detail of a refusal names its cause', async t => {
  const { app, pool } = await start(t, strict)
  const detail = async (token: string) => {
    const response = await personWith(app, token).request('GET', '/me')
    t.equal(response.statusCode, 403)
    return response.json().detail
  }
  t.match(await detail(pool.idToken({ email: undefined })), 'The id token has no e-mail claim')
  t.match(await detail(pool.idToken({ email_verified: false })), 'Verify it with Cognito')
  t.match(await detail(pool.idToken({ identities: [{ providerName: 'Google' }] })), 'The e-mail address of a federated user does not count as verified')
  t.match(await detail(pool.idToken()), 'No local user has this e-mail address')
  t.match(await detail(pool.accessToken({ sub: pool.clientId, username: undefined, scope: 'articles/read' })), 'No local user is bound to this app client')
})

t.test('auto: ten first requests at once make one user', async t => {
  const { ask, users, trail } = await start(t, auto)
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask()))
  t.strictSame([typeof answers[0], new Set(answers).size], ['number', 1], `${answers}`)
  t.strictSame(await users(), [['alice', 'alice@example.com', 'subject-of-alice']])
  t.strictSame(await trail(), ['alice created alice'])
})

t.test('auto: ten first requests at once over two replicas make one user', async t => {
  const pool = await startPool(t)
  const changes = { ...auto, DATABASE_URL: await newDatabase(t) }
  const replicas = [await startApp(t, changes, pool), await startApp(t, changes, pool)]
  const asked = Array.from({ length: 5 }, () => replicas.map(({ app }) => person(app, pool, 'alice').request('GET', '/me'))).flat()
  const answers = (await Promise.all(asked)).map(answer)
  t.strictSame([typeof answers[0], new Set(answers).size], ['number', 1], `${answers}`)
})

t.test('auto: a user whose e-mail address is not verified is made without it', async t => {
  for (const verified of [false, 'false', 'true', undefined, 1]) {
    const { ask, users } = await start(t, auto)
    t.equal(await ask({ email_verified: verified }), 1)
    t.strictSame(await users(), [['alice', null, 'subject-of-alice']])
  }
})

t.test('auto: the users of a pool without e-mail addresses are made without', async t => {
  const { app, pool, users, trail } = await start(t, auto)
  for (const username of ['alice', 'bob']) {
    const response = await person(app, pool, username, { email: undefined, email_verified: undefined }).request('GET', '/me')
    t.match(response.json(), { username, email: null, sub: `subject-of-${username}` })
  }
  t.strictSame(await users(), [['alice', null, 'subject-of-alice'], ['bob', null, 'subject-of-bob']])
  t.strictSame(await trail(), ['alice created alice', 'bob created bob'])
})

t.test('auto: a username that belongs to another user gets a number, and keeps nobody out', async t => {
  const { root, ask, users, trail } = await start(t, auto)
  await add(root, 'alice', 'another@example.com')
  t.equal(await ask(), 2)
  t.equal(await ask({ sub: 'another-alice', email: undefined }), 3)
  t.strictSame(await users(), [
    ['alice', 'another@example.com', null],
    ['alice-2', 'alice@example.com', 'subject-of-alice'],
    ['alice-3', null, 'another-alice']
  ])
  t.strictSame(await trail(), ['root created alice', 'alice created alice-2', 'alice created alice-3'])
})

t.test('one subject, username and address in two pools are two users', async t => {
  const pool = await startPool(t)
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  // One endpoint serves both pools, as Cognito's does.
  pool.answer = (request, response) => (request.url?.includes(other.id) ? other : pool).publish(request, response)
  const { app } = await startApp(t, { AWS_USER_POOLS_ID: `${pool.id},${other.id}` }, pool)
  const ours = person(app, pool, 'alice')
  const theirs = personWith(app, other.idToken({ iss: `${pool.endpoint}/${other.id}`, sub: 'subject-of-alice' }))
  t.equal(answer(await ours.request('GET', '/me')), 1)
  t.equal(answer(await theirs.request('GET', '/me')), 2)

  const root = administrator(app, pool)
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  t.equal(answer(await ours.request('GET', '/me')), '403 user_disabled')
  t.equal(answer(await theirs.request('GET', '/me')), 2)
})

t.test('concurrent requests of many users each get their own user', async t => {
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
  const all = [...people, ...people]

  const alone: (number | string)[] = []
  for (const { request } of all) alone.push(answer(await request('GET', '/me')))
  t.match(alone.slice(0, 9), [1, 2, '403 user_disabled', 4, 5, '401 invalid_auth_token', 7, 8, Number])
  t.strictSame((await Promise.all(all.map(({ request }) => request('GET', '/me')))).map(answer), alone)
})

t.test('strict: a disabled user gets 403, also with a cached token and with its first token', async t => {
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

t.test('an administrator whose unbound local user is disabled gets 403, and cannot enable it', async t => {
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
    t.strictSame(codes(await alice.request('GET', '/me')), [403, 'user_disabled'], `/me with ${JSON.stringify(email)}`)
  }
  const unverified = person(app, pool, 'carol', { ...claims, email: 'alice@example.com', email_verified: false })
  t.equal((await unverified.request('GET', '/admin/users')).statusCode, 200, 'an address that is not proved says nothing of who it is')
  t.equal(await ask(), '403 user_disabled')
  t.equal((await root.request('GET', '/admin/users')).statusCode, 200)
})

t.test('a user that another process disables gets 403 from the next request on', async t => {
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

t.test('the audit trail names the identity that a user was bound to, or made for', async t => {
  const { app, pool, root } = await start(t, auto)
  await add(root, 'alice')
  for (const username of ['alice', 'bob']) await person(app, pool, username).request('GET', '/me')
  t.match((await root.request('GET', '/admin/audit')).json(), [
    { actor: 'bob', action: 'created', userId: 2, username: 'bob', changes: { issuer: pool.issuer, sub: 'subject-of-bob' } },
    { actor: 'alice', action: 'bound', userId: 1, username: 'alice', changes: { issuer: pool.issuer, sub: 'subject-of-alice' } },
    { actor: 'root', action: 'created', userId: 1, username: 'alice', changes: { email: 'alice@example.com' } }
  ])
})
