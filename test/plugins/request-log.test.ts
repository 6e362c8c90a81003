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

t.test('health probes are logged at debug while they succeed', async t => {
  for (const [LOG_LEVEL, lines] of [['info', 0], ['debug', 2]] as const) {
    const { app, log } = await startApp(t, { LOG_LEVEL })
    await app.inject('/health/live')
    await app.inject('/health/live')
    t.equal(log.filter(line => line.includes('"msg":"request"')).length, lines, LOG_LEVEL)
  }
})

t.test('the line of an error names the trace of its request', async t => {
  const { app, log } = await startApp(t, {}, undefined, app => {
    app.get('/boom', async () => { throw new Error('unforeseen') })
  })
  await app.inject({ url: '/boom', headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } })
  const lines = log.map(line => JSON.parse(line)).filter(({ level }) => level === 50)
  t.match(lines, [{ traceId: '0af7651916cd43dd8448eb211c80319c', err: { message: 'unforeseen' } }])
})
