import t, { type Test } from 'tap'
import { families, loot } from '../support/forgeries.ts'
import { bearer, startApp, startPool, type TestApp } from '../support/app.ts'
import { stored, watchHandlers } from '../support/wire.ts'

/** The public routes. A route that is neither public nor guarded fails these tests. */
const forAnybody = ['/health/live', '/health/ready', '/config.json', '/openapi.json']
/** The pages, if they have been built. */
const page = /^\/(index\.html|assets\/[^*]+)?$/
/** The page of the API, its files and its document. */
const docs = /^\/docs(\/|$)/
/** Guarded by a signature rather than a token. */
const signed = 'POST /cognito/post-confirmation'

/** The rest of a request with which the handler of a route runs, if the token is valid. */
const bodies: Record<string, object> = {
  'POST /articles': { name: 'Forged' },
  'PATCH /articles/:id': { name: 'Forged' },
  'POST /admin/users': { username: 'mallory', email: 'mallory@example.com' },
  'PATCH /admin/users/:id': { disabled: false }
}

const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`

type Route = TestApp['routes'][number] & { name: string }

/** Starts the whole service. Returns its guarded routes. */
async function startGuarded (t: Test): Promise<TestApp & { guarded: Route[] }> {
  const started = await startApp(t, { POST_CONFIRMATION_SECRET: secret }, undefined, () => {})
  const isForAnybody = ({ method, url }: TestApp['routes'][number]) => ['GET', 'HEAD'].includes(method) && (forAnybody.includes(url) || page.test(url) || docs.test(url))
  const guarded = started.routes.map(route => ({ ...route, url: route.url.replace(/(?<=.)\/$/, '') }))
    .filter((route, index, routes) => !isForAnybody(route) && routes.findIndex(({ method, url }) => method === route.method && url === route.url) === index)
    .map(route => ({ ...route, name: `${route.method} ${route.url}` }))
  return { ...started, guarded }
}

function request ({ method, url, name }: Route, headers: Record<string, string>) {
  const payload = bodies[name]
  return { method, url: url.replace(':id', '1').replace('*', 'x'), headers, ...(payload && { payload }) }
}

t.test('every route with a token in the OpenAPI document is guarded, and every other route is public', async t => {
  const { app, guarded } = await startGuarded(t)
  const { paths } = (await app.inject('/openapi.json')).json()
  const operations = Object.entries<Record<string, { security?: object[] }>>(paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([, { security }]) => security?.length !== 0)
    .map(([method]) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`))
  t.strictSame(guarded.filter(({ method }) => method !== 'HEAD').map(({ name }) => name).sort(), operations.sort())
})

t.test('every guarded route rejects a request without a token before its handler runs', async t => {
  const ran = watchHandlers(t)
  const { app, guarded } = await startGuarded(t)
  for (const route of guarded) {
    const { statusCode, headers, body } = await app.inject(request(route, {}))
    t.equal(statusCode, 401, route.name)
    t.equal(headers['www-authenticate'], `${route.name === signed ? 'Webhook' : 'Bearer'} realm="articles"`, route.name)
    if (route.method !== 'HEAD') t.equal(JSON.parse(body).code, 'no_auth_token', route.name)
  }
  t.strictSame(ran(), [])
})

t.test('the handler of every guarded route runs for a valid token', async t => {
  const ran = watchHandlers(t)
  const { app, pool, guarded } = await startGuarded(t)
  for (const route of guarded.filter(({ name }) => name !== signed)) {
    const token = pool.idToken({ sub: route.name, 'cognito:username': route.name, email: `${guarded.indexOf(route)}@example.com`, 'cognito:groups': ['admin'] })
    await app.inject(request(route, bearer(token)))
    t.strictSame(ran(), [route.name])
  }
})

t.test('every guarded route rejects every forgery, without a handler run or a stored row', async t => {
  const ran = watchHandlers(t)
  const { app, pool, guarded } = await startGuarded(t)
  const forger = await startPool(t)
  const routes = guarded.filter(({ name }) => name !== signed)
  const tokens = families.flatMap(({ says, forgeries, use }) => Object.entries(forgeries).map(([name, forge]) => ({ name, says, code: 'invalid_auth_token', token: forge(loot(pool, forger, use)) })))
  tokens.push({ name: 'expired', says: 'The token expired at 2001-09-09T01:46:40.000Z', code: 'expired_auth_token', token: pool.idToken({ exp: 1e9 }) })

  let sent = 0
  for (const { name, says, code, token } of tokens) {
    for (const route of routes) {
      const { statusCode, headers, body } = await app.inject(request(route, bearer(token)))
      const expected = `401 ${code} Bearer realm="articles", error="invalid_token", error_description="${says}"`
      const answered = `${statusCode} ${route.method === 'HEAD' ? code : JSON.parse(body).code} ${headers['www-authenticate']}`
      if (answered !== expected) t.equal(answered, expected, `${name} on ${route.name}`)
      sent++
    }
  }
  t.comment(`${tokens.length} forgeries on ${routes.length} routes`)
  t.equal(sent, tokens.length * routes.length)
  t.strictSame(ran(), [])
  t.strictSame(await stored(app), [])
  t.strictSame(forger.fetches, [], "nothing was fetched from the forger's key server")
})

t.test('the webhook rejects a valid token in place of its signature', async t => {
  const ran = watchHandlers(t)
  const { app, pool } = await startGuarded(t)
  const admin = pool.idToken({ 'cognito:groups': ['admin'] })
  for (const headers of [bearer(admin), { ...bearer(admin), 'webhook-id': 'm', 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`, 'webhook-signature': `v1,${admin}` }, { 'webhook-signature': 'v1' }, { 'webhook-signature': ' '.repeat(900) }]) {
    const response = await app.inject({ method: 'POST', url: '/cognito/post-confirmation', headers, payload: {} })
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], 'Webhook realm="articles"')
  }
  t.strictSame(ran(), [])
})

t.test('POST /cognito/post-confirmation rejects a body larger than any event without hashing it', async t => {
  const { app } = await startGuarded(t)
  const post = (headers: Record<string, string>) => app.inject({
    method: 'POST',
    url: '/cognito/post-confirmation',
    headers: { 'content-type': 'application/json', ...headers },
    payload: `"${'x'.repeat(128 * 1024)}"`
  })
  const unsigned = await post({})
  t.strictSame([unsigned.statusCode, unsigned.json().code], [401, 'no_auth_token'])
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  const signed = await post({ 'webhook-id': 'event-1', 'webhook-timestamp': timestamp, 'webhook-signature': 'v1,AAAA' })
  t.strictSame([signed.statusCode, signed.json().code], [413, 'payload_too_large'])
})
