import t from 'tap'
import { bearer, startApp } from '../support/app.ts'

t.test('a request is one log line with its id, route, status and time', async t => {
  const { app, pool, log } = await startApp(t)
  log.length = 0
  await app.inject({ url: '/articles?limit=5', headers: bearer(pool.idToken()) })
  t.equal(log.length, 1)
  const { reqId, ms, ...line } = JSON.parse(log.join())
  t.match(reqId, /^[0-9a-f-]{36}$/)
  t.type(ms, 'number')
  t.match(line, { level: 30, msg: 'request', method: 'GET', route: '/articles', status: 200 })
  t.notMatch(line, { code: /./ })
})

t.test('an error response is one log line with its code, and with the reason for an invalid token', async t => {
  const { app, pool, log } = await startApp(t)
  log.length = 0
  await app.inject('/articles')
  await app.inject({ url: '/articles', headers: bearer(pool.idToken({ exp: 1 })) })
  await app.inject('/nowhere')
  t.match(log.map(line => JSON.parse(line)), [
    { status: 401, code: 'no_auth_token' },
    { status: 401, code: 'expired_auth_token', reason: 'expired' },
    { status: 404, code: 'not_found' }
  ])
  t.equal(log.length, 3)
})

t.test('no log line contains a token, wherever the client put it', async t => {
  const { app, pool, log } = await startApp(t, { LOG_LEVEL: 'trace' }, undefined, app => {
    app.post('/boom', async () => { throw new Error('not foreseen') })
  })
  const good = pool.idToken()
  const expired = pool.accessToken({ exp: 1 })
  const forged = `${good.slice(0, -4)}AAAA`
  for (const token of [good, expired, forged]) {
    await app.inject({ url: '/me', headers: bearer(token) })
    await app.inject({ url: '/me', headers: { authorization: token } })
    await app.inject({ url: '/me', headers: { 'x-token': token, cookie: `token=${token}` } })
    await app.inject(`/me?access_token=${token}`)
    await app.inject(`/${token}`)
    await app.inject(`/articles/${token}`)
    await app.inject(`/%${token}`)
    await app.inject({ method: 'POST', url: `/boom?token=${token}`, headers: bearer(token), payload: { token } })
    await app.inject({ method: 'POST', url: '/articles', headers: bearer(good), payload: { name: token, [token]: token } })
    await app.inject({ method: 'POST', url: '/articles', headers: { ...bearer(good), 'content-type': token }, payload: `{"${token}` })
    await app.inject({ method: 'POST', url: '/articles', headers: { ...bearer(good), 'content-type': 'application/json', 'idempotency-key': token }, payload: `{"${token}` })
  }
  t.ok(log.length >= 30)
  const lines = log.join('')
  // Even one segment of a token must not be logged.
  for (const token of [good, expired, forged]) {
    for (const segment of token.split('.')) t.notOk(lines.includes(segment.slice(0, 30)))
  }
})
