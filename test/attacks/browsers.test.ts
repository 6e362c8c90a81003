import Fastify from 'fastify'
import t from 'tap'
import web from '../../plugins/web.ts'
import { bearer, startApp } from '../support/app.ts'
import { startOnWire } from '../support/wire.ts'

const origin = 'https://app.example.com'
const strangers = [
  'null', '*', '', 'https://evil.example', 'http://app.example.com', 'https://app.example.com:8443', 'https://app.example.com/', 'https://APP.example.com',
  'https://x.app.example.com', 'https://app.example.com.evil.example', 'https://evil.example/app.example.com', 'https://evilapp.example.com',
  'https://appXexample.com', 'https://app.example.com@evil.example', 'https://app.example.com%00.evil.example', 'https://app.example.com, https://evil.example', 'file://', 'chrome-extension://a'
]

t.test('an origin that resembles an allowed one gets no CORS headers, and no origin may send credentials', async t => {
  const { app, pool } = await startApp(t, { CORS_ORIGINS: `${origin},https://other.example.com` }, undefined, () => {})
  for (const url of ['/articles', '/me', '/health/live', '/openapi.json', '/nowhere', '/%']) {
    for (const stranger of strangers) {
      for (const method of ['GET', 'OPTIONS'] as const) {
        const { headers } = await app.inject({ method, url, headers: { ...bearer(pool.idToken()), origin: stranger, 'access-control-request-method': 'DELETE', 'access-control-request-headers': 'authorization' } })
        t.notOk('access-control-allow-origin' in headers, `${method} ${url} from ${stranger}`)
      }
    }
    for (const method of ['GET', 'OPTIONS'] as const) {
      const { headers } = await app.inject({ method, url, headers: { origin, 'access-control-request-method': 'GET' } })
      t.equal(headers['access-control-allow-origin'], origin)
      t.notOk('access-control-allow-credentials' in headers, 'the service uses no cookies')
    }
  }
})

t.test('a preflight allows fixed lists, not the requested method and headers', async t => {
  const { app } = await startApp(t, { CORS_ORIGINS: origin }, undefined, () => {})
  const { headers } = await app.inject({ method: 'OPTIONS', url: '/articles', headers: { origin, 'access-control-request-method': 'TRACE', 'access-control-request-headers': 'x-evil', 'access-control-request-private-network': 'true' } })
  t.notMatch(headers['access-control-allow-methods'], /TRACE|PUT|\*/)
  t.notMatch(headers['access-control-allow-headers'], /x-evil|\*/i)
  t.notOk('access-control-allow-private-network' in headers)
})

t.test('every response has the security headers', async t => {
  const { app, exchange, pool } = await startOnWire(t, {}, app => { app.get('/boom', async () => { throw new Error('unforeseen') }) })
  const strict = { 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" }
  for (const [url, headers, status] of [
    ['/articles', bearer(pool.idToken()), 200], ['/articles', {}, 401], ['/admin/users', bearer(pool.idToken()), 403], ['/nowhere', {}, 404], ['/%', {}, 400],
    ['/boom', {}, 500], ['/health/live', {}, 200], ['/openapi.json', {}, 200], ['/config.json', {}, 200]
  ] as const) {
    const response = await app.inject({ url, headers })
    t.equal(response.statusCode, status)
    t.match(response.headers, strict, url)
    t.notOk('server' in response.headers || 'x-powered-by' in response.headers || 'set-cookie' in response.headers)
  }
  t.match((await app.inject({ method: 'PUT', url: '/articles' })).headers, strict, '405')
  const { text } = await exchange('garbage\r\n\r\n')
  for (const [name, value] of Object.entries(strict)) t.match(text.toLowerCase(), `${name}: ${value}\r\n`)
})

t.test('the pages run only scripts from their own files', async t => {
  const { app } = await startApp(t, {}, undefined, () => {})
  const pages = Fastify()
  t.teardown(() => pages.close())
  await pages.register(web, { userPoolIds: ['eu-west-1_AbC123xyz'], webClientId: 'a', endpoint: undefined, adminGroup: 'admin', webFolder: t.testdir({ 'index.html': '<!doctype html>' }) })
  for (const [page, url] of [[pages, '/'], [app, '/docs'], [app, '/docs/'], [app, '/docs/static/swagger-initializer.js']] as const) {
    const { statusCode, headers, body } = await page.inject(url)
    t.equal(statusCode, 200)
    const policy = new Map(String(headers['content-security-policy']).split('; ').map(directive => [directive.split(' ', 1)[0], directive]))
    t.equal(policy.get('default-src'), "default-src 'none'", url)
    t.equal(policy.get('script-src'), "script-src 'self'", url)
    t.equal(policy.get('frame-ancestors'), "frame-ancestors 'none'", url)
    t.equal(policy.get('base-uri'), "base-uri 'none'", url)
    t.equal(headers['x-content-type-options'], 'nosniff', url)
    t.notMatch(body, /<script(?![^>]* src=)|\son\w+=/, `${url} has no inline script, which the policy would block`)
  }
})

t.test('no page and no error response repeats a part of the request', async t => {
  const { app } = await startApp(t, {}, undefined, () => {})
  const mark = '<img src=x onerror=alert(1)>'
  for (const url of [`/${mark}`, `/docs?${mark}`, `/docs/?url=${mark}`, `/docs/static/${mark}`, `/articles?${mark}`, `/health/live?${mark}`, '/docs?url=https://evil.example/openapi.json', '/docs//evil.example/%2e%2e', '/docs/static/index.html?//evil.example']) {
    const { body, headers } = await app.inject({ url: encodeURI(url), headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', referer: mark, 'user-agent': mark } })
    t.notMatch(body, /onerror|evil\.example/, url)
    t.notMatch(headers.location ?? '', /^(\w+:)?\/\//, `${url} redirects to no other host`)
  }
})
