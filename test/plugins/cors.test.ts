import t, { type Test } from 'tap'
import { bearer, startApp, type TestApp } from '../support/app.ts'

const origin = 'https://app.example.com'
const preflight = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization,if-match' }

/**
 * Starts the service for pages of these origins. The extension turns off the check against the OpenAPI
 * document, which has no preflights.
 */
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
    'access-control-allow-headers': /Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match/,
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

t.test('a preflight allows the headers that tracing adds, and those of CORS_HEADERS', async t => {
  const { app } = await startFor(t, origin, { CORS_HEADERS: 'X-App-Version, X-Tenant' })
  const response = await app.inject({ method: 'OPTIONS', url: '/articles', headers: { origin, ...preflight } })
  const allowed = String(response.headers['access-control-allow-headers']).toLowerCase().split(', ')
  for (const name of ['baggage', 'sentry-trace', 'traceparent', 'tracestate', 'x-datadog-trace-id', 'x-datadog-parent-id', 'x-datadog-origin', 'x-datadog-sampling-priority', 'x-requested-with', 'cache-control', 'x-app-version', 'x-tenant']) {
    t.ok(allowed.includes(name), name)
  }
  t.notOk(allowed.includes('*'))
})

t.test('an app is let in by its origin as text', async t => {
  const { app } = await startFor(t, 'capacitor://localhost,tauri://localhost')
  for (const own of ['capacitor://localhost', 'tauri://localhost']) {
    t.equal((await app.inject({ url: '/articles', headers: { origin: own } })).headers['access-control-allow-origin'], own)
  }
  for (const other of ['capacitor://localhost.evil.example', 'ionic://localhost', 'http://localhost', 'null']) {
    t.notOk('access-control-allow-origin' in (await app.inject({ url: '/articles', headers: { origin: other } })).headers, other)
  }
})

t.test('an asterisk in an origin lets in exactly one label', async t => {
  const { app } = await startFor(t, 'https://*.example.com')
  const one = await app.inject({ url: '/articles', headers: { origin: 'https://pr-12.example.com' } })
  t.match(one.headers, { 'access-control-allow-origin': 'https://pr-12.example.com', vary: /Origin/ })
  for (const other of ['https://example.com', 'https://a.b.example.com', 'http://a.example.com', 'https://a.example.com.evil.example', 'https://evilexample.com']) {
    t.notOk('access-control-allow-origin' in (await app.inject({ url: '/articles', headers: { origin: other } })).headers, other)
  }
})
