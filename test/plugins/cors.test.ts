import t, { type Test } from 'tap'
import { bearer, startApp, type TestApp } from '../support/app.ts'

const origin = 'https://app.example.com'
const preflight = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization,if-match' }

/** Starts the service for pages of these origins. The extension turns off the check against the OpenAPI document, which has no preflights. */
async function startFor (t: Test, origins: string, variables: Record<string, string> = {}): Promise<TestApp> {
  return startApp(t, { CORS_ORIGINS: origins, ...variables }, undefined, () => {})
}

t.test('a page of a configured origin may send the headers it needs, and read the response headers', async t => {
  const { app, pool } = await startFor(t, `https://other.example.com,${origin}`)
  const preflightResponse = await app.inject({ method: 'OPTIONS', url: '/articles/1', headers: { origin, ...preflight } })
  t.equal(preflightResponse.statusCode, 204)
  t.match(preflightResponse.headers, {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
    'access-control-allow-headers': /Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match/,
    'access-control-max-age': '600',
    vary: /Origin/
  })
  t.notOk('access-control-allow-credentials' in preflightResponse.headers)

  const response = await app.inject({ url: '/articles', headers: { origin, ...bearer(pool.idToken()) } })
  t.equal(response.statusCode, 200)
  t.match(response.headers, { 'access-control-allow-origin': origin, 'access-control-expose-headers': /Link, Location.*Retry-After, WWW-Authenticate/, vary: /Origin/ })
})

t.test('a page of a configured origin can read an error response', async t => {
  const { app } = await startFor(t, origin)
  for (const url of ['/articles', '/nowhere']) {
    const response = await app.inject({ url, headers: { origin } })
    t.ok(response.statusCode >= 400)
    t.equal(response.headers['access-control-allow-origin'], origin, url)
  }
})

t.test('a page can read a 429, and preflights neither count nor get a 429', async t => {
  const { app } = await startFor(t, origin, { RATE_LIMIT_MAX: '2' })
  const sendPreflight = async () => app.inject({ method: 'OPTIONS', url: '/articles', headers: { origin, ...preflight } })
  for (let n = 0; n < 3; n++) t.equal((await sendPreflight()).statusCode, 204)
  for (const status of [401, 401, 429]) {
    const response = await app.inject({ url: '/articles', headers: { origin } })
    t.equal(response.statusCode, status)
    t.equal(response.headers['access-control-allow-origin'], origin)
  }
  t.equal((await sendPreflight()).statusCode, 204)
})

t.test('a page of another origin gets no CORS headers', async t => {
  const { app } = await startFor(t, origin)
  for (const other of ['https://app.example.com.evil.example', 'http://app.example.com', 'null']) {
    for (const method of ['GET', 'OPTIONS'] as const) {
      const response = await app.inject({ method, url: '/articles', headers: { origin: other, ...preflight } })
      t.notOk('access-control-allow-origin' in response.headers, `${method} from ${other}`)
    }
  }
})

t.test('without configured origins no page gets CORS headers', async t => {
  const { app } = await startFor(t, '')
  const response = await app.inject({ method: 'OPTIONS', url: '/articles', headers: { origin, ...preflight } })
  t.equal(response.statusCode, 405)
  t.notOk('access-control-allow-origin' in response.headers)
})

t.test('an OPTIONS request that is no preflight gets the response to a preflight', async t => {
  const { app } = await startFor(t, origin)
  const response = await app.inject({ method: 'OPTIONS', url: '/articles' })
  t.equal(response.statusCode, 204)
  t.equal(response.body, '')
})
