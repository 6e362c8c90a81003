import t from 'tap'
import { startApp } from '../support/app.ts'
import { administrator, codes, person, personWith } from '../support/people.ts'
import type { UserPool } from '../support/user-pool.ts'

const strict = { USER_PROVISIONING: 'strict' }

/** A token of the grant `client_credentials`. */
function clientToken (pool: UserPool, scope: string, claims: Record<string, unknown> = {}): string {
  return pool.accessToken({ sub: pool.clientId, username: undefined, scope, ...claims })
}

t.test('auto: a machine client is a local user of the kind client', async t => {
  const { app, pool } = await startApp(t)
  const client = personWith(app, clientToken(pool, 'articles/read articles/write'))
  const root = administrator(app, pool)
  const created = await client.request('POST', '/articles', { payload: { name: 'By a machine' } })
  t.equal(created.statusCode, 201)
  t.equal(created.json().author, pool.clientId)
  t.match((await root.request('GET', '/admin/users')).json(), [{ kind: 'client', username: pool.clientId, email: null, sub: pool.clientId }])
  t.match((await root.request('GET', '/admin/audit')).json(), [{ actor: pool.clientId, actorKind: 'client', action: 'created' }])

  await root.request('PATCH', '/admin/users/1', { payload: { username: 'importer', disabled: true } })
  t.strictSame(codes(await client.request('GET', '/articles')), [403, 'user_disabled'])
})

t.test('a machine client needs the scope for reading or for writing, and the challenge names it', async t => {
  const { app, pool } = await startApp(t)
  const requests = [['GET', '/articles', 'read'], ['POST', '/articles', 'write'], ['GET', '/me', 'read'], ['POST', '/me/sign-out', 'write'], ['GET', '/admin/users', 'read']] as const
  for (const [method, url, needed] of requests) {
    for (const scope of ['', 'articles', needed === 'read' ? 'articles/write' : 'articles/read', `other/${needed}`]) {
      const response = await personWith(app, clientToken(pool, scope)).request(method, url, method === 'POST' ? { payload: {} } : {})
      t.strictSame(codes(response), [403, 'insufficient_scope'], `${method} ${url} with ${scope}`)
      t.match(response.headers['www-authenticate'], new RegExp(`^Bearer realm="articles", .*error="insufficient_scope".*scope="articles/${needed}"`))
    }
  }
  t.strictSame((await administrator(app, pool).request('GET', '/admin/users')).json(), [], 'and no user is made')
})

t.test('RESOURCE_SERVER names the resource server of the scopes, and the audience', async t => {
  const { app, pool } = await startApp(t, { RESOURCE_SERVER: 'https://api.example.com' })
  const status = async (scope: string, aud?: string) => (await personWith(app, clientToken(pool, scope, { aud })).request('GET', '/articles')).statusCode
  t.equal(await status('https://api.example.com/read'), 200)
  t.equal(await status('articles/read'), 403)
  t.equal(await status('https://api.example.com/read', 'https://api.example.com'), 200)
  t.equal(await status('https://api.example.com/read', 'articles'), 401)
})

t.test('the token of a person needs no scope', async t => {
  const { app, pool } = await startApp(t)
  t.equal((await personWith(app, pool.accessToken({ scope: '' })).request('GET', '/articles')).statusCode, 200)
})

t.test('a machine client with the username and the address of a person is still a machine client', async t => {
  for (const changes of [strict, {}]) {
    const { app, pool } = await startApp(t, changes)
    const root = administrator(app, pool)
    await root.request('POST', '/admin/users', { payload: { username: 'prepared', email: 'prepared@example.com' } })
    await root.request('POST', '/admin/users', { payload: { username: 'alice', subject: 'subject-of-alice' } })
    for (const username of ['alice', 'prepared']) {
      const claims = { username, 'cognito:username': username, email: `${username}@example.com`, email_verified: true }
      t.strictSame(codes(await personWith(app, clientToken(pool, '', claims)).request('GET', '/me')), [403, 'insufficient_scope'])
      const response = await personWith(app, clientToken(pool, 'articles/read', claims)).request('GET', '/me')
      if (changes === strict) t.strictSame(codes(response), [403, 'no_such_user'])
      else t.match(response.json(), { id: 3, username: pool.clientId, email: null })
    }
    t.match((await root.request('GET', '/admin/users')).json(), [{ username: 'prepared', sub: null }, { username: 'alice', sub: 'subject-of-alice' }])
    t.equal((await person(app, pool, 'alice').request('GET', '/me')).json().id, 2)
  }
})

t.test('strict: an administrator adds a machine client by its client id', async t => {
  const { app, pool } = await startApp(t, strict)
  const client = personWith(app, clientToken(pool, 'articles/read'))
  t.strictSame(codes(await client.request('GET', '/articles')), [403, 'no_such_user'])
  const root = administrator(app, pool)
  t.equal((await root.request('POST', '/admin/users', { payload: { username: 'importer', subject: pool.clientId } })).statusCode, 201)
  t.equal((await client.request('GET', '/articles')).statusCode, 200)
  t.match((await root.request('GET', '/admin/users/1')).json(), { kind: 'client', username: 'importer' })
})

t.test('a sign-out ends the tokens of a machine client, without a call of Cognito', async t => {
  const { app, pool, log } = await startApp(t, { LOG_LEVEL: 'info' })
  const client = personWith(app, clientToken(pool, 'articles/read articles/write'))
  await client.request('GET', '/articles')
  t.equal((await administrator(app, pool).request('POST', '/admin/users/1/sign-out')).statusCode, 204)
  t.strictSame(codes(await client.request('GET', '/articles')), [401, 'invalid_auth_token'])
  t.notMatch(log.join(''), 'not at Cognito')
})
