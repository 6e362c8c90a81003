import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { bearer, startApp, type TestApp } from '../../support/app.ts'

const description = 'The request has two Authorization headers'

for (const [name, spell] of Object.entries({
  'the bare token': token => token,
  'the scheme in lower case': token => `bearer ${token}`,
  'the scheme in upper case': token => `BEARER ${token}`,
  'three spaces': token => `Bearer   ${token}`
} satisfies Record<string, (token: string) => string>)) {
  t.test(`GET /me takes ${name}`, async t => {
    const { app, pool } = await startApp(t)
    t.equal((await app.inject({ url: '/me', headers: { authorization: spell(pool.idToken()) } })).statusCode, 200)
  })
}

t.test('GET /me answers 401 no_auth_token where there is no token to read', async t => {
  const { app, pool } = await startApp(t)
  const token = pool.idToken()
  const requests: Record<string, { url?: string, headers?: Record<string, string> }> = {
    'no header': {},
    'an empty header': { headers: { authorization: '' } },
    'the scheme alone': { headers: { authorization: 'Bearer' } },
    'the scheme and spaces': { headers: { authorization: 'Bearer   ' } },
    'another scheme': { headers: { authorization: 'Basic YWxpY2U6c2VjcmV0' } },
    'another scheme with the token': { headers: { authorization: `DPoP ${token}` } },
    'access_token in the query': { url: `/me?access_token=${token}` },
    'token in the query': { url: `/me?token=${token}` },
    'authorization in the query': { url: `/me?authorization=Bearer%20${token}` },
    'token in a cookie': { headers: { cookie: `token=${token}` } },
    'access_token in a cookie': { headers: { cookie: `access_token=${token}; Authorization=Bearer ${token}` } },
    'another header': { headers: { 'x-authorization': `Bearer ${token}`, 'x-forwarded-authorization': `Bearer ${token}`, 'x-access-token': token } },
    "the proxy's header": { headers: { 'proxy-authorization': `Bearer ${token}` } }
  }
  for (const [name, request] of Object.entries(requests)) {
    const response = await app.inject({ url: '/me', ...request })
    t.strictSame([response.statusCode, response.json().code], [401, 'no_auth_token'], name)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="articles"', name)
    t.equal((await app.inject({ url: '/me', headers: bearer(token) })).statusCode, 200, `${name}: the token in its place`)
  }
})

t.test('GET /me does not read a token of the query beside a forged one of the header', async t => {
  const { app, pool } = await startApp(t)
  const response = await app.inject({ url: `/me?access_token=${pool.idToken()}`, headers: bearer(pool.idToken({ aud: 'client2' })) })
  t.equal(response.statusCode, 401)
  t.equal(response.json().code, 'invalid_auth_token')
})

t.test('GET /me refuses two Authorization headers with 401 invalid_auth_token', async t => {
  const testApp = await startApp(t)
  const { pool } = testApp
  const good = `Bearer ${pool.idToken()}`
  const forged = `Bearer ${pool.idToken({ aud: 'client2' })}`
  t.equal((await get(testApp, ['Authorization', good])).status, 200, 'one is let in')

  const headers: Record<string, string[]> = {
    'the same twice': ['Authorization', good, 'Authorization', good],
    'the good one first': ['Authorization', good, 'Authorization', forged],
    'the good one last': ['Authorization', forged, 'Authorization', good],
    'in two cases': ['authorization', good, 'AUTHORIZATION', good],
    'an empty one first': ['Authorization', '', 'Authorization', good],
    'an empty one last': ['Authorization', good, 'Authorization', ''],
    'of two schemes': ['Authorization', 'Basic YWxpY2U6c2VjcmV0', 'Authorization', good],
    'far apart': ['Authorization', good, 'Accept', '*/*', 'X-Request-Id', '1', 'Authorization', good]
  }
  for (const [name, pairs] of Object.entries(headers)) {
    t.strictSame(await get(testApp, pairs), {
      status: 401,
      code: 'invalid_auth_token',
      challenge: `Bearer realm="articles", error="invalid_token", error_description="${description}"`
    }, name)
  }
})

/** A request over a real socket, with its headers as they are given. */
async function get ({ app }: TestApp, pairs: string[]): Promise<{ status: number | undefined, code: unknown, challenge: string | undefined }> {
  const address = app.server.address() ?? await app.listen({ host: '127.0.0.1', port: 0 }).then(() => app.server.address())
  if (address === null || typeof address === 'string') throw new Error('not listening')
  const request = httpRequest({ port: address.port, host: '127.0.0.1', path: '/me', headers: ['Host', 'localhost', 'Connection', 'close', ...pairs] })
  const [response] = await once(request.end(), 'response')
  return { status: response.statusCode, code: JSON.parse(await text(response)).code, challenge: response.headers['www-authenticate'] }
}

t.test('GET /me accepts a token of 16 kB over HTTP, and refuses headers of more than 32 kB with 431', async t => {
  const { app, pool } = await startApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const groups = Array.from({ length: 100 }, (_, index) => `group-${index}-${'x'.repeat(95)}`)
  const token = pool.idToken({ 'cognito:groups': groups })
  t.ok(token.length > 14_000 && token.length < 16_384, `${token.length} bytes`)
  const accepted = await fetch(`${address}/me`, { headers: bearer(token) })
  t.equal(accepted.status, 200)
  t.match(await accepted.json(), { groups })
  const refused = await fetch(`${address}/me`, { headers: { ...bearer(token), 'x-long': 'x'.repeat(18_000) } })
  t.equal(refused.status, 431)
  t.match(await refused.json(), { code: 'headers_too_large' })
})
