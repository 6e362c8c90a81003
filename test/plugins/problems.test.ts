import BetterSqlite3 from 'better-sqlite3'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { Problem } from '../../src/problems/catalogue.ts'
import { bearer, startApp } from '../support/app.ts'

const json = { 'content-type': 'application/json' }

/** Asserts that a response is a problem detail with this status and code, and without internals. */
function isProblem (t: Test, response: LightMyRequestResponse, statusCode: number, code: string): void {
  t.match(response, { statusCode, headers: { 'content-type': 'application/problem+json; charset=utf-8' } })
  t.match(response.json(), { type: `urn:problem-type:articles:${code}`, title: /\w/, status: statusCode, detail: /\.$/, code, requestId: /^[0-9a-f-]{36}$/ })
  t.notMatch(response.body, /node_modules|\.ts\b|sqlite|select|stack|FST_ERR/i)
}

/** Adds routes that fail. */
function failing (app: FastifyInstance): void {
  app.get('/boom', async () => { throw new Error('secret of the inside') })
  app.get('/boom/text', async () => { throw 'secret of the inside' }) // eslint-disable-line no-throw-literal
  app.get('/boom/status', async () => { throw Object.assign(new Error('secret of the inside'), { statusCode: 418 }) })
  app.get('/boom/local-user', async request => request.localUser)
  app.get('/boom/user', async request => request.user)
  app.get('/boom/problem', async () => { throw new Problem('conflict', 'The box exists already.', { headers: { 'x-told': 'yes' } }) })
}

t.test('an unknown URL is a 404', async t => {
  const { app } = await startApp(t)
  isProblem(t, await app.inject('/nowhere'), 404, 'not_found')
  isProblem(t, await app.inject({ method: 'DELETE', url: '/articles/1/more' }), 404, 'not_found')
  isProblem(t, await app.inject('/nowhere//'), 404, 'not_found')
  isProblem(t, await app.inject('/nowhere/%00'), 404, 'not_found')
  isProblem(t, await app.inject('/Articles'), 404, 'not_found')
})

t.test('an unsupported method on a known path is a 405 with Allow', async t => {
  const { app } = await startApp(t, {}, undefined, app => { app.put('/boxes/:id', async () => 'put') })
  const response = await app.inject({ method: 'PUT', url: '/articles?limit=5' })
  isProblem(t, response, 405, 'method_not_allowed')
  t.equal(response.headers.allow, 'GET, HEAD, POST')
  t.match((await app.inject({ method: 'PUT', url: '/articles/' })).headers, { allow: 'GET, HEAD, POST' })
  t.match((await app.inject({ method: 'POST', url: '/health/live' })).headers, { allow: 'GET, HEAD' })
  t.match((await app.inject('/boxes/1')).headers, { allow: 'PUT' })
  isProblem(t, await app.inject('/boxes/'), 404, 'not_found')
})

t.test('a URL with a trailing slash reaches the same route', async t => {
  const { app, pool } = await startApp(t)
  const headers = bearer(pool.idToken())
  t.equal((await app.inject({ url: '/articles/', headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/me/', headers })).statusCode, 200)
})

t.test('a body that cannot be parsed is rejected with the reason', async t => {
  const { app, pool } = await startApp(t)
  const authorization = bearer(pool.idToken())
  const post = async (payload: string | Buffer | undefined, headers: Record<string, string> = json) => app.inject({ method: 'POST', url: '/articles', headers: { ...authorization, ...headers }, payload })

  isProblem(t, await post('{"name": "a"'), 400, 'malformed_json')
  isProblem(t, await post(''), 400, 'malformed_json')
  isProblem(t, await post(Buffer.from([0xff, 0xfe])), 400, 'malformed_json')
  isProblem(t, await post('{"name": "a", "__proto__": {"name": "b"}}'), 400, 'malformed_json')
  isProblem(t, await post('{"name": "a", "constructor": {"prototype": {}}}'), 400, 'malformed_json')
  isProblem(t, await post(JSON.stringify({ name: 'a'.repeat(1024 * 1024) })), 413, 'payload_too_large')
  isProblem(t, await post('{"name": "a"}', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type')
  isProblem(t, await post('name=a', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'unsupported_media_type')
  isProblem(t, await post('{"name": "a"}', { 'content-type': 'nonsense' }), 415, 'unsupported_media_type')
  isProblem(t, await post('{"name": "a"}', { ...json, 'content-length': '5' }), 400, 'validation_failed')
  isProblem(t, await post(undefined, {}), 400, 'validation_failed')
})

t.test('a body that does not match its schema is rejected with each fault', async t => {
  const { app, pool } = await startApp(t)
  const post = async (body: unknown) => {
    const response = await app.inject({ method: 'POST', url: '/articles', headers: { ...bearer(pool.idToken()), ...json }, payload: JSON.stringify(body) })
    isProblem(t, response, 400, 'validation_failed')
    return response.json().errors
  }

  t.strictSame(await post({}), [{ in: 'body', path: '/name', message: 'is required' }])
  t.strictSame(await post({ name: 5 }), [{ in: 'body', path: '/name', message: 'must be string' }])
  t.strictSame(await post([]), [{ in: 'body', path: '', message: 'must be object' }])
  t.strictSame(await post({ name: '' }), [{ in: 'body', path: '/name', message: 'must be 1 to 50 characters once trimmed, without NUL or lone surrogates' }])
  t.strictSame(await post({ name: 'a', 'a/b~c': 1, [`\ud800${'x'.repeat(200)}`]: 2 }), [
    { in: 'body', path: '/a~1b~0c', message: 'is not a known member' },
    { in: 'body', path: `/\ufffd${'x'.repeat(99)}`, message: 'is not a known member' }
  ])
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x${index}`, index]))
  t.equal((await post({ name: 'a', ...many })).length, 20)
})

t.test('a query is converted to the types of its schema, and rejected where that fails', async t => {
  const { app, pool } = await startApp(t)
  const headers = bearer(pool.idToken())
  t.equal((await app.inject({ url: '/articles?limit=5&order=desc', headers })).statusCode, 200)
  const response = await app.inject({ url: '/articles?limit=many&order=up', headers })
  isProblem(t, response, 400, 'validation_failed')
  t.strictSame(response.json().errors, [
    { in: 'query', path: '/limit', message: 'must be integer' },
    { in: 'query', path: '/order', message: 'must be equal to one of the allowed values' }
  ])
})

t.test('a header is validated, and a pattern without a description has a message', async t => {
  const { app } = await startApp(t, {}, undefined, app => {
    const headers = Type.Object({ 'x-kind': Type.String({ pattern: '^[a-z]+$' }) })
    app.get('/boxes', { schema: { headers } }, async () => 'boxes')
  })
  t.equal((await app.inject({ url: '/boxes', headers: { 'x-kind': 'a' } })).statusCode, 200)
  const response = await app.inject({ url: '/boxes', headers: { 'x-kind': '5' } })
  isProblem(t, response, 400, 'validation_failed')
  t.equal(response.json().detail, 'The headers did not pass validation. Correct the fields listed in errors.')
  t.strictSame(response.json().errors, [{ in: 'headers', path: '/x-kind', message: 'must be in another format' }])
})

t.test('a URL with a broken percent sign is a 400', async t => {
  const { app } = await startApp(t)
  isProblem(t, await app.inject('/nowhere/%'), 400, 'validation_failed')
  isProblem(t, await app.inject('/%zz'), 400, 'validation_failed')
})

t.test('a path parameter that cannot be an id is a 404', async t => {
  const { app } = await startApp(t, {}, undefined, app => {
    app.get('/boxes/:id', { schema: { params: Type.Object({ id: Type.Integer() }) } }, async request => request.params)
  })
  t.same((await app.inject('/boxes/7')).json(), { id: 7 })
  isProblem(t, await app.inject('/boxes/seven'), 404, 'not_found')
  isProblem(t, await app.inject(`/boxes/${'9'.repeat(200)}`), 404, 'not_found')
})

t.test('an unexpected error is a 500 without internals, and is logged under the request id', async t => {
  const { app, log } = await startApp(t, {}, undefined, failing)
  for (const url of ['/boom', '/boom/text', '/boom/status']) {
    const response = await app.inject(url)
    isProblem(t, response, 500, 'internal_error')
    t.notMatch(response.body, 'secret')
    const line = log.find(line => line.includes(response.json().requestId) && line.includes('"level":50'))
    t.match(line, 'secret of the inside', url)
  }
})

t.test('reading request.user or request.localUser without a guard is a 500', async t => {
  const { app, log } = await startApp(t, {}, undefined, failing)
  isProblem(t, await app.inject('/boom/user'), 500, 'internal_error')
  isProblem(t, await app.inject('/boom/local-user'), 500, 'internal_error')
  t.match(log.join(''), 'request.user was read where no guard has verified a user')
  t.match(log.join(''), 'request.localUser was read where no guard has run')
})

t.test('an error with the code of a database error or the status of a file error is a 500', async t => {
  const foreign = [
    { code: 'ECONNRESET', message: 'read ECONNRESET' },
    { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:6379' },
    { code: 'EPIPE', message: 'write EPIPE' },
    { code: 'ETIMEDOUT', message: 'Connection timeout' },
    { code: 'UND_ERR_CONNECT_TIMEOUT', message: 'Connect Timeout Error' },
    { message: 'Connection is closed.' },
    { code: '57P03', severity: 'FATAL', message: 'the database system is starting up' },
    { code: 'SQLITE_BUSY', message: 'database is locked' },
    ...[403, 404, 412, 416].map(statusCode => ({ statusCode, message: 'Response status code 404' }))
  ]
  const { app } = await startApp(t, {}, undefined, app => {
    app.get('/foreign/:n', async ({ params }) => {
      const { message, ...members } = foreign[Number(Object(params).n)] ?? { message: '' }
      throw Object.assign(new Error(message), members)
    })
  })
  for (const n of foreign.keys()) isProblem(t, await app.inject(`/foreign/${n}`), 500, 'internal_error')
})

t.test('a problem sends its headers, and is not logged as an error', async t => {
  const { app, log } = await startApp(t, {}, undefined, failing)
  const response = await app.inject('/boom/problem')
  isProblem(t, response, 409, 'conflict')
  t.equal(response.headers['x-told'], 'yes')
  t.notMatch(log.join(''), '"level":50')
})

t.test('a database that is locked for too long is a 503 with Retry-After', async t => {
  const path = `${t.testdir()}/articles.db`
  const { app, pool, log } = await startApp(t, { DATABASE_URL: `sqlite:${path}` })
  const create = async () => app.inject({ method: 'POST', url: '/articles', headers: bearer(pool.idToken()), payload: { name: 'Locked out' } })
  t.equal((await create()).statusCode, 201)

  const other = new BetterSqlite3(path)
  t.teardown(() => other.close())
  other.exec('BEGIN EXCLUSIVE')
  const response = await create()
  isProblem(t, response, 503, 'storage_unavailable')
  t.equal(response.headers['retry-after'], '1')
  t.match(log.find(line => line.includes(response.json().requestId)), 'SQLITE_BUSY')

  other.exec('ROLLBACK')
  t.equal((await create()).statusCode, 201)
})
