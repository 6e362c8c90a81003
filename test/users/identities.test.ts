import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { newDatabase, startApp, startPool, type TestApp } from '../support/app.ts'
import { administrator, codes, person, personWith, type Person } from '../support/people.ts'

const strict = { USER_PROVISIONING: 'strict' }
const auto = { USER_PROVISIONING: 'auto' }
const google = [{ userId: '108', providerName: 'Google', providerType: 'Google', primary: 'true' }]

async function start (t: Test, changes: Record<string, string>): Promise<TestApp & { root: Person, list (): Promise<Record<string, unknown>[]> }> {
  const started = await startApp(t, changes)
  const root = administrator(started.app, started.pool)
  return { ...started, root, list: async () => (await root.request('GET', '/admin/users')).json() }
}

function answer (response: LightMyRequestResponse): number | string {
  return response.statusCode === 200 ? response.json().id : codes(response).join(' ')
}

async function me ({ request }: Person): Promise<number | string> {
  return answer(await request('GET', '/me'))
}

/** Seconds since the epoch. */
function now (): number {
  return Math.floor(Date.now() / 1000)
}

function federated (username: string, changes: Record<string, unknown> = {}) {
  return { sub: `subject-of-${username}`, 'cognito:username': username, identities: google, ...changes }
}

t.test('auto: a federated user gets a local user without the address, whatever the claim email_verified is', async t => {
  for (const verified of [false, undefined, 'false', 'true', true]) {
    const { app, pool, list } = await start(t, auto)
    t.equal(await me(person(app, pool, 'Google_108', { ...federated('Google_108'), email_verified: verified })), 1, `${typeof verified} ${verified}`)
    t.match(await list(), [{ kind: 'user', email: null, sub: 'subject-of-Google_108' }])
  }
})

t.test('strict: an administrator lets a federated user in by binding', async t => {
  const { app, pool, root } = await start(t, strict)
  await root.request('POST', '/admin/users', { payload: { username: 'alice', email: 'alice@example.com' } })
  const alice = person(app, pool, 'Google_108', federated('Google_108', { email: 'alice@example.com' }))
  t.equal(await me(alice), '403 email_not_verified')
  const bound = await root.request('PATCH', '/admin/users/1', { payload: { subject: 'subject-of-Google_108', userPoolId: pool.id } })
  t.match(bound.json(), { id: 1, username: 'alice', email: 'alice@example.com', issuer: pool.issuer, sub: 'subject-of-Google_108' })
  t.equal(await me(alice), 1)
  t.match((await root.request('GET', '/admin/users/1')).json(), { email: 'alice@example.com' }, 'the address that the administrator gave stays')
})

t.test('an attacker with a federated account of the address of another user gets neither the user nor the address', async t => {
  for (const changes of [strict, auto]) {
    const { app, pool, root, list } = await start(t, changes)
    const victim = person(app, pool, 'victim')
    await root.request('POST', '/admin/users', { payload: { username: 'victim', email: 'victim@example.com' } })
    await root.request('POST', '/admin/users', { payload: { username: 'prepared', email: 'prepared@example.com' } })
    t.equal(await me(victim), 1)
    for (const email of ['victim@example.com', 'prepared@example.com']) {
      for (const verified of [true, 'true']) {
        const attacker = person(app, pool, 'Google_666', federated('Google_666', { email, email_verified: verified }))
        t.equal(await me(attacker), changes === strict ? '403 email_not_verified' : 3, email)
        const byAccess = personWith(app, pool.accessToken({
          sub: 'subject-of-Google_666', username: 'Google_666', email, email_verified: verified
        }))
        t.equal(await me(byAccess), changes === strict ? '403 email_not_verified' : 3, `${email} in an access token`)
      }
    }
    t.match(await list(), [{ email: 'victim@example.com', sub: 'subject-of-victim' }, { email: 'prepared@example.com', sub: null }])
    t.equal(await me(victim), 1)
  }
})

t.test('a user of pool B with the subject of a user of pool A is another user', async t => {
  const pool = await startPool(t)
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  // One endpoint serves both pools, as Cognito's does.
  pool.answer = (request, response) => (request.url?.includes(other.id) ? other : pool).publish(request, response)
  const { app } = await startApp(t, { ...strict, AWS_USER_POOLS_ID: `${pool.id},${other.id}` }, pool)
  const root = administrator(app, pool)
  const iss = `${pool.endpoint}/${other.id}`
  const claims = { sub: 'subject-of-alice', 'cognito:username': 'alice', email: 'alice@example.com' }
  const [ours, theirs] = [personWith(app, pool.idToken(claims)), personWith(app, other.idToken({ ...claims, iss }))]
  const bind = (username: string, userPoolId: string) => root.request('POST', '/admin/users', { payload: { username, subject: 'subject-of-alice', userPoolId } })

  t.equal((await bind('alice', pool.id)).statusCode, 201)
  t.equal(await me(ours), 1)
  t.equal(await me(theirs), '403 no_such_user')
  t.equal((await bind('alice', other.id)).statusCode, 201, 'usernames are unique within an issuer')
  t.equal(await me(theirs), 2)
  t.strictSame(codes(await bind('alice', other.id)), [409, 'conflict'])
  t.match((await root.request('GET', '/admin/users')).json(), [
    { username: 'alice', email: 'alice@example.com', issuer: pool.issuer },
    { username: 'alice', email: 'alice@example.com', issuer: iss }
  ])
})

t.test('a newer verified address replaces the stored one, and an older token does not bring it back', async t => {
  for (const changes of [strict, auto]) {
    const { app, pool, root, list } = await start(t, changes)
    await root.request('POST', '/admin/users', { payload: { username: 'alice', email: 'alice@example.com' } })
    const alice = (claims: Record<string, unknown>) => me(person(app, pool, 'alice', claims))
    t.equal(await alice({ iat: now() - 60 }), 1)
    t.equal(await alice({ iat: now() - 30, email: 'alice@new.example' }), 1)
    t.match(await list(), [{ email: 'alice@new.example' }])
    t.equal(await alice({ iat: now() - 60 }), 1)
    t.match(await list(), [{ email: 'alice@new.example' }])
    t.equal(await alice({ iat: now(), email: undefined }), 1)
    t.match(await list(), [{ email: 'alice@new.example' }], 'a token without an address says nothing of one')
    t.match((await root.request('GET', '/admin/audit')).json()[0], { actor: 'alice', action: 'changed', changes: { email: 'alice@new.example' } })
  }
})

t.test('a user whose token no longer proves the address loses it', async t => {
  const { app, pool, list } = await start(t, auto)
  t.equal(await me(person(app, pool, 'alice', { iat: now() - 60 })), 1)
  t.equal(await me(person(app, pool, 'alice', { iat: now(), email_verified: false })), 1)
  t.match(await list(), [{ username: 'alice', email: null }])
})

t.test('the new owner of an address gets it from the user who had it', async t => {
  for (const changes of [strict, auto]) {
    const { app, pool, root, list } = await start(t, changes)
    const shared = 'support@example.com'
    await root.request('POST', '/admin/users', { payload: { username: 'alice', email: shared } })
    t.equal(await me(person(app, pool, 'alice', { iat: now() - 60, email: shared })), 1)
    await root.request('POST', '/admin/users', { payload: { username: 'bob', email: shared } })
    const bob = person(app, pool, 'bob', { iat: now() - 30, email: shared })
    t.equal(await me(bob), 2)
    t.match(await list(), [{ username: 'alice', email: null }, { username: 'bob', email: shared, sub: 'subject-of-bob' }])
    t.equal(await me(person(app, pool, 'alice', { iat: now() - 60, email: shared })), 1, 'the former owner is still accepted')
    t.match(await list(), [{ username: 'alice', email: null }, { email: shared }], 'and an older proof does not win')
  }
})

t.test('auto: of two users that prove one address, both are accepted and the newest proof has the address', async t => {
  const { app, pool, list } = await start(t, auto)
  const email = 'both@example.com'
  t.equal(await me(person(app, pool, 'alice', { iat: now() - 30, email })), 1)
  t.equal(await me(person(app, pool, 'bob', { iat: now() - 60, email })), 2)
  t.match(await list(), [{ username: 'alice', email }, { username: 'bob', email: null }])
})

t.test('a stored change of an address that fails rejects no request', { skip: process.env.TEST_DATABASE_URL !== undefined }, async t => {
  const { app, pool, log } = await startApp(t, { ...auto, LOG_LEVEL: 'warn', DATABASE_URL: await newDatabase(t) })
  t.equal(await me(person(app, pool, 'alice', { iat: now() - 60 })), 1)
  const { sql } = await import('kysely')
  await sql`create trigger full before insert on audit begin select raise(fail, 'no room'); end`.execute(app.db)
  t.equal(await me(person(app, pool, 'alice', { email: 'new@example.com' })), 1)
  t.match(log.join(''), 'a change of a user in Cognito was not stored')
})

t.test('auto: a disabled unbound user keeps out the identity with its username, where no address is proved', async t => {
  const { app, pool, root } = await start(t, auto)
  await root.request('POST', '/admin/users', { payload: { username: 'alice', email: 'alice@example.com' } })
  await root.request('PATCH', '/admin/users/1', { payload: { disabled: true } })
  t.equal(await me(person(app, pool, 'alice')), '403 user_disabled')
  t.equal(await me(person(app, pool, 'alice', { email: 'other@example.com', email_verified: false })), '403 user_disabled')
  t.equal(await me(personWith(app, pool.accessToken({ sub: 'subject-of-alice' }))), '403 user_disabled')
  t.equal(await me(person(app, pool, 'bob')), 2)
})

t.test('strict: two requests of one identity at once, by two tokens, bind one user', async t => {
  const { app, pool, root } = await start(t, strict)
  for (const username of ['alice', 'alicia']) await root.request('POST', '/admin/users', { payload: { username, email: `${username}@example.com` } })
  const ask = (email: string) => me(person(app, pool, 'alice', { email }))
  const answers = await Promise.all(['alice@example.com', 'alicia@example.com', 'alice@example.com', 'alicia@example.com'].map(ask))
  t.equal(new Set(answers).size, 1, `${answers}`)
})
