import t from 'tap'
import { families, future, loot } from '../../support/forgeries.ts'
import { bearer, startApp, startPool } from '../../support/app.ts'

// Each forgery is sent before the good token it was made of, and after it, when the good one is remembered.
for (const { what, says, forgeries, use } of families) {
  t.test(`GET /me refuses ${what} with 401 invalid_auth_token`, async t => {
    const { app, pool } = await startApp(t)
    const forger = await startPool(t)
    const send = (token: string) => app.inject({ url: '/me', headers: bearer(token) })
    t.equal((await send(pool.idToken())).statusCode, 200, 'the user has an account')

    for (const [name, forge] of Object.entries(forgeries)) {
      const { good, ...rest } = loot(pool, forger, use)
      const forged = forge(rest)

      for (const order of ['before', 'after']) {
        const { statusCode, headers, ...response } = await send(forged)
        t.strictSame({ statusCode, code: response.json().code, challenge: headers['www-authenticate'] }, {
          statusCode: 401,
          code: 'invalid_auth_token',
          challenge: `Bearer realm="articles", error="invalid_token", error_description="${says}"`
        }, `${name}, ${order} the good token`)
        t.equal((await send(good)).statusCode, 200, `${name}: the good token`)
      }
    }
    t.strictSame(forger.fetches, [], "nothing was fetched from the forger's key server")
  })
}

for (const [exp, says] of [
  [1_000_000_000, '2001-09-09T01:46:40.000Z'],
  [1_000_000_000.25, '2001-09-09T01:46:40.250Z'],
  [0, '1970-01-01T00:00:00.000Z'],
  [-1, '1969-12-31T23:59:59.000Z'],
  [-1e308, '-271821-04-20T00:00:00.000Z']
] as const) {
  t.test(`GET /me refuses exp ${exp} with 401 expired_auth_token`, async t => {
    const { app, pool } = await startApp(t)
    const response = await app.inject({ url: '/me', headers: bearer(pool.idToken({ exp })) })
    t.equal(response.statusCode, 401)
    t.equal(response.json().code, 'expired_auth_token')
    t.equal(response.headers['www-authenticate'], `Bearer realm="articles", error="invalid_token", error_description="The token expired at ${says}"`)
    t.equal((await app.inject({ url: '/me', headers: bearer(pool.idToken({ exp: future })) })).statusCode, 200)
  })
}
