import { once } from 'node:events'
import { get } from 'node:http'
import Fastify from 'fastify'
import t from 'tap'
import openapi from '../../plugins/openapi.ts'
import { bearer, startApp } from '../support/app.ts'
import { codes, person } from '../support/people.ts'

const BASE_PATH = '/team/articles-api'

t.test('Location and Link have the base path, whether the proxy removes it or not', async t => {
  const { app, pool } = await startApp(t, { BASE_PATH }, undefined, () => {})
  const alice = person(app, pool, 'alice')
  for (const prefix of ['', BASE_PATH]) {
    const created = await alice.request('POST', `${prefix}/articles`, { payload: { name: 'One' } })
    t.equal(created.statusCode, 201)
    t.match(created.headers.location, /^\/team\/articles-api\/articles\/\d+$/)
    t.equal((await alice.request('GET', String(created.headers.location))).statusCode, 200)
    await alice.request('POST', `${prefix}/articles`, { payload: { name: 'Two' } })
    const page = await alice.request('GET', `${prefix}/articles?limit=1`)
    t.match(page.headers.link, /^<\/team\/articles-api\/articles\?limit=1&after=\d+>; rel="next"$/)
  }
})

t.test('a replayed creation has the base path once', async t => {
  const { app, pool } = await startApp(t, { BASE_PATH })
  const create = async () => app.inject({ method: 'POST', url: '/articles', headers: { ...bearer(pool.idToken()), 'idempotency-key': 'one' }, payload: { name: 'One' } })
  const first = await create()
  t.match(first.headers.location, /^\/team\/articles-api\/articles\/\d+$/)
  t.equal((await create()).headers.location, first.headers.location)
})

t.test('the OpenAPI document names the base path as its server, and the page of the document finds its files', async t => {
  const { app } = await startApp(t, { BASE_PATH }, undefined, () => {})
  t.match((await app.inject('/openapi.json')).json().servers, [{ url: BASE_PATH }])
  t.match((await app.inject(`${BASE_PATH}/docs`)).body, `src="${BASE_PATH}/docs/static/swagger-ui-bundle.js"`)
  t.equal((await app.inject(`${BASE_PATH}/docs/static/swagger-ui-bundle.js`)).statusCode, 200)
  t.equal((await app.inject(`${BASE_PATH}/docs/static/index.html`)).headers.location, `${BASE_PATH}/docs/`)
  const atRoot = Fastify()
  t.teardown(() => atRoot.close())
  await atRoot.register(openapi, { basePath: '' })
  t.match((await atRoot.inject('/openapi.json')).json().servers, [{ url: '/' }])
})

t.test('the base path without the slash after it redirects to the page', async t => {
  const { app } = await startApp(t, { BASE_PATH }, undefined, () => {})
  for (const url of [BASE_PATH, `${BASE_PATH}?x=1`]) {
    t.match(await app.inject(url), { statusCode: 308, headers: { location: `${BASE_PATH}/` } }, url)
  }
  t.equal((await app.inject(`${BASE_PATH}/config.json`)).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: BASE_PATH })).statusCode, 404)
})

t.test('the base path is removed once, and only as whole segments', async t => {
  const { app } = await startApp(t, { BASE_PATH: '/a' }, undefined, () => {})
  for (const url of ['/articles', '/a/articles', '/a/articles/?x']) t.strictSame(codes(await app.inject(url)), [401, 'no_auth_token'], url)
  for (const url of ['/a/a/articles', '/aarticles', '/b/articles']) t.strictSame(codes(await app.inject(url)), [404, 'not_found'], url)
  t.equal((await app.inject('/health/live')).statusCode, 200)
})

t.test('without a base path the paths stay as they are', async t => {
  const { app, pool } = await startApp(t)
  const created = await person(app, pool, 'alice').request('POST', '/articles', { payload: { name: 'One' } })
  t.match(created.headers.location, /^\/articles\/\d+$/)
})

t.test('KEEP_ALIVE_TIMEOUT_S is how long an idle connection stays open', async t => {
  const { app } = await startApp(t, { KEEP_ALIVE_TIMEOUT_S: '620' }, undefined, () => {})
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const [response] = await once(get(`${url}/health/live`, { headers: { connection: 'keep-alive' } }), 'response')
  response.resume()
  t.equal(response.headers['keep-alive'], 'timeout=620')
})
