import { connect, type AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { guardRoutes } from '../../src/http/route-access.ts'
import { changeUser, removeUser } from '../../src/users/manage-users.ts'
import { serviceActor } from '../../src/audit/actor.ts'
import { saveSignOut } from '../../src/users/sign-out-queries.ts'
import { startApp } from '../support/app.ts'
import { administrator, codes, person, type Person } from '../support/people.ts'

// The guards decide when the headers arrive. These clients send the body later.

const operator = serviceActor('command line')

interface HeldBack {
  /** Sends the rest of the body, and gives the status and the code of the response. */
  finish (): Promise<[number, string | undefined]>
}

/**
 * Sends the headers of a request and the body but for its last byte, and waits until the guards have surely
 * decided.
 */
async function holdBack (t: Test, app: FastifyInstance, { token }: Person, method: string, url: string, payload: object, headers = ''): Promise<HeldBack> {
  const address: AddressInfo = Object(app.server.address())
  const socket = connect(address.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const body = JSON.stringify(payload)
  socket.write(`${method} ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${headers}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`)
  // On a machine so slow that the guards have not run by then, they decide by what has changed: the response
  // is the same.
  await wait(300)
  return {
    async finish () {
      socket.write(body.slice(-1))
      let response = ''
      for await (const part of socket) response += part
      const [head = '', answer = ''] = response.split('\r\n\r\n')
      return [Number(head.split(' ')[1]), JSON.parse(answer || '{}').code]
    }
  }
}

async function start (t: Test) {
  const started = await startApp(t, {}, undefined, app => {
    // A route that a later version may have, nested in a scope of its own.
    app.register(async scope => {
      guardRoutes(scope, scope.requireUser)
      scope.post('/future', async ({ localUser }) => ({ username: localUser.username }))
    })
  })
  await started.app.listen({ port: 0, host: '127.0.0.1' })
  const { app, pool } = started
  const alice = person(app, pool, 'alice')
  const { id } = (await alice.request('GET', '/me')).json()
  const article = (await alice.request('POST', '/articles', { payload: { name: 'hers' } })).json()
  return { ...started, alice, id, article }
}

t.test('a request whose body is held back is refused where its user was disabled, removed or signed out meanwhile', async t => {
  const { app, pool, alice, id, article } = await start(t)
  const routes: [method: string, url: string, headers?: string][] = [
    ['POST', '/articles'],
    ['POST', '/articles', 'Idempotency-Key: "key"\r\n'],
    ['PATCH', `/articles/${article.id}`],
    ['DELETE', `/articles/${article.id}`],
    ['POST', '/me/sign-out'],
    ['POST', '/future']
  ]
  const hold = () => Promise.all(routes.map(([method, url, headers]) => holdBack(t, app, alice, method, url, { name: 'late' }, headers)))
  const finish = async (held: HeldBack[]) => Promise.all(held.map(({ finish }) => finish()))
  const each = (status: number, code: string) => routes.map(() => [status, code])

  const disabled = await hold()
  await changeUser(app.db, operator, id, { disabled: true })
  t.strictSame(await finish(disabled), each(403, 'user_disabled'))
  await changeUser(app.db, operator, id, { disabled: false })

  const signedOut = await hold()
  const identity = { issuer: pool.issuer, subject: 'subject-of-alice' }
  await saveSignOut(app.db, identity, { at: Math.floor(Date.now() / 1000), originJti: null }, new Date(Date.now() + 60_000).toISOString())
  t.strictSame(await finish(signedOut), each(401, 'invalid_auth_token'))
  await app.db.deleteFrom('sign_outs').execute()

  const removed = await hold()
  await removeUser(app.db, operator, id)
  t.strictSame(await finish(removed), each(403, 'no_such_user'))

  t.strictSame(await app.db.selectFrom('articles').select('name').execute(), [{ name: 'hers' }], 'and nothing was written')
})

t.test('a request whose body is held back is done where others changed something else meanwhile', async t => {
  const { app, pool, alice } = await start(t)
  const held = await holdBack(t, app, alice, 'POST', '/articles', { name: 'late' })
  await person(app, pool, 'bob').request('GET', '/me')
  t.strictSame(await held.finish(), [201, undefined])
  const still = await holdBack(t, app, alice, 'POST', '/articles', { name: 'later' })
  t.strictSame(await still.finish(), [201, undefined], 'and where nothing changed')
})

t.test('an administrator who was disabled meanwhile cannot enable itself with a body that is held back', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const root = administrator(app, pool)
  const claims = { 'cognito:groups': ['admin'] }
  for (const username of ['bound', 'unbound']) await root.request('POST', '/admin/users', { payload: { username, email: `${username}@example.com` } })
  await person(app, pool, 'bound').request('GET', '/me')
  for (const [username, id] of [['bound', 1], ['unbound', 2]] as const) {
    const admin = person(app, pool, username, claims)
    const held = await Promise.all([
      holdBack(t, app, admin, 'PATCH', `/admin/users/${id}`, { disabled: false }),
      holdBack(t, app, admin, 'POST', '/admin/users', { username: 'new', email: 'new@example.com' }),
      holdBack(t, app, admin, 'DELETE', '/admin/users/1', {}),
      holdBack(t, app, admin, 'POST', '/admin/users/1/sign-out', {})
    ])
    await changeUser(app.db, operator, id, { disabled: true })
    t.strictSame(await Promise.all(held.map(({ finish }) => finish())), held.map(() => [403, 'user_disabled']), username)
    t.match((await root.request('GET', `/admin/users/${id}`)).json(), { disabled: true })
  }
  t.equal((await root.request('GET', '/admin/users')).json().length, 2)
})

t.test('an administrator cannot undo its own disabling with requests that are under way', async t => {
  const { app, pool } = await startApp(t, {}, undefined, app => {
    app.register(async scope => {
      guardRoutes(scope, scope.requireAdmin)
      // Disables the user once every hook has let the request in.
      scope.post<{ Params: { id: number } }>('/late/:id', async (request, reply) => {
        await changeUser(app.db, operator, Number(request.params.id), { disabled: true })
        await app.writeAs(request, db => changeUser(db, operator, Number(request.params.id), { disabled: false }))
        return reply.code(204).send()
      })
    })
  })
  const claims = { 'cognito:groups': ['admin'] }
  const bound = person(app, pool, 'bound', claims)
  const { id } = (await bound.request('GET', '/me')).json()
  const added = (await administrator(app, pool).request('POST', '/admin/users', { payload: { username: 'unbound', email: 'unbound@example.com' } })).json()
  for (const [admin, user] of [[bound, id], [person(app, pool, 'unbound', claims), added.id]] as const) {
    t.strictSame(codes(await admin.request('POST', `/late/${user}`)), [403, 'user_disabled'])
    t.match((await administrator(app, pool).request('GET', `/admin/users/${user}`)).json(), { disabled: true })
  }
})

t.test('of an administrator’s attempts to enable itself while it is disabled none outlasts the disabling', async t => {
  const { app, pool } = await startApp(t)
  const admin = person(app, pool, 'op', { 'cognito:groups': ['admin'] })
  const { id } = (await admin.request('GET', '/me')).json()
  const enable = () => admin.request('PATCH', `/admin/users/${id}`, { payload: { disabled: false } })
  for (let round = 0; round < 5; round++) {
    const attempts = [enable(), enable(), changeUser(app.db, operator, id, { disabled: true }), enable(), enable()]
    await Promise.all(attempts)
    t.match((await administrator(app, pool).request('GET', `/admin/users/${id}`)).json(), { disabled: true })
    await changeUser(app.db, operator, id, { disabled: false })
  }
})
