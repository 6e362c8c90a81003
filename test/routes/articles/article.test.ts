import t from 'tap'
import { createArticle, namesOf, startWithArticles } from '../../support/articles.ts'
import { bearer, startApp } from '../../support/app.ts'
import { administrator, codes, person } from '../../support/people.ts'

t.test('GET /articles/:id returns an article of another user', async t => {
  const { app, pool } = await startWithArticles(t, 'first')
  t.match((await person(app, pool, 'bob').request('GET', '/articles/1')).json(), { name: 'first', author: 'alice' })
})

t.test('GET /articles/:id is a 404 for an id that cannot exist', async t => {
  const { alice } = await startWithArticles(t, 'first')
  for (const id of ['0', '-1', 'x', '1.5', '1.0', '1e0', '0x1', '+1', '%201', '9007199254740993', '99999999999999999999', '1%00', '%F0%9F%98%80']) {
    t.strictSame(codes(await alice.request('GET', `/articles/${id}`)), [404, 'not_found'], id)
  }
})

t.test('PATCH and DELETE /articles/:id are a 403 for a user who is neither author nor administrator', async t => {
  const { app, pool } = await startWithArticles(t, 'first')
  const bob = person(app, pool, 'bob')
  t.strictSame(codes(await bob.request('PATCH', '/articles/1', { payload: { name: 'taken' } })), [403, 'forbidden'])
  t.strictSame(codes(await bob.request('DELETE', '/articles/1')), [403, 'forbidden'])
  for (const groups of ['admin', ['Admin'], ['admins'], [['admin']], { 0: 'admin' }, 'xadminx']) {
    const mallory = person(app, pool, 'mallory', { 'cognito:groups': groups })
    t.strictSame(codes(await mallory.request('DELETE', '/articles/1')), [403, 'forbidden'], JSON.stringify(groups))
  }
  t.equal((await bob.request('GET', '/articles/1')).json().name, 'first')
})

t.test('PATCH /articles/:id renames an article for its author and for an administrator', async t => {
  const { app, pool, alice } = await startWithArticles(t, 'first')
  const bob = person(app, pool, 'bob')
  const renamed = await alice.request('PATCH', '/articles/1', { payload: { name: ' second ' } })
  t.match(renamed.json(), { id: 1, name: 'second', author: 'alice' })
  const byAdmin = await administrator(app, pool).request('PATCH', '/articles/1', { payload: { name: 'third' } })
  t.equal(byAdmin.json().author, 'alice')
  t.equal((await bob.request('GET', '/articles/1')).json().name, 'third')
  t.strictSame(namesOf(await bob.request('GET', '/articles?q=thir')), ['third'])
  t.strictSame(namesOf(await bob.request('GET', '/articles?q=first')), [])
})

t.test('PATCH /articles/:id rejects an invalid body with 400', async t => {
  const { alice } = await startWithArticles(t, 'first')
  for (const payload of [{}, { name: '' }, { name: 'x', id: 7 }]) {
    t.strictSame(codes(await alice.request('PATCH', '/articles/1', { payload })), [400, 'validation_failed'])
  }
})

t.test('DELETE /articles/:id deletes an article, and its id is never used again', async t => {
  const { alice } = await startWithArticles(t, 'first')
  const deleted = await alice.request('DELETE', '/articles/1')
  t.equal(deleted.statusCode, 204)
  t.equal(deleted.body, '')
  for (const method of ['GET', 'DELETE'] as const) {
    t.strictSame(codes(await alice.request(method, '/articles/1')), [404, 'not_found'])
  }
  t.strictSame(codes(await alice.request('PATCH', '/articles/1', { payload: { name: 'x' } })), [404, 'not_found'])
  t.equal((await createArticle(alice, 'next')).json().id, 2)
})

t.test('an article of a removed user has no author, and only an administrator may delete it', async t => {
  const { app, pool } = await startWithArticles(t, 'first')
  const bob = person(app, pool, 'bob')
  await app.db.deleteFrom('users').where('username', '=', 'alice').execute()
  t.equal((await bob.request('GET', '/articles/1')).json().author, null)
  t.strictSame(codes(await bob.request('DELETE', '/articles/1')), [403, 'forbidden'])
  t.equal((await administrator(app, pool).request('DELETE', '/articles/1')).statusCode, 204)
})

t.test('every route under /articles needs a token and a local user', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  const routes = [
    ['GET', '/articles'], ['POST', '/articles'], ['GET', '/articles/1'], ['PATCH', '/articles/1'], ['DELETE', '/articles/1']
  ] as const
  for (const [method, url] of routes) {
    t.strictSame(codes(await app.inject({ method, url })), [401, 'no_auth_token'])
    t.strictSame(codes(await app.inject({ method, url, headers: bearer(pool.idToken()) })), [403, 'no_such_user'])
  }
})
