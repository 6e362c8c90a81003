import { createServer } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { serializeError } from '../../src/telemetry/error-serializer.ts'
import { bearer, startApp } from '../support/app.ts'
import { administrator, person } from '../support/people.ts'
import { until } from '../support/service-process.ts'
import { startOnWire } from '../support/wire.ts'

const forged = '{"level":60,"msg":"forged"}'
const hostile = [`a\n${forged}`, `a\r\n${forged}`, 'a","msg":"forged"}', 'a\u2028forged', 'a\x1b[2J\x1b[31mforged\x07', 'a\u0085forged', 'a\\n\\u000aforged', '\u202eforged']

t.test('a request is one JSON line in the log, without the names of users and articles', async t => {
  const { app, pool, log } = await startApp(t, { LOG_LEVEL: 'trace' })
  const root = administrator(app, pool)
  await root.request('GET', '/me')
  log.length = 0
  let sent = 0
  for (const [index, text] of hostile.entries()) {
    const somebody = person(app, pool, text, { sub: text, email: `${index}@example.com`, 'cognito:groups': [text], scope: text, jti: text, origin_jti: text })
    await somebody.request('GET', '/me')
    await somebody.request('POST', '/articles', { payload: { name: text, [text]: text }, headers: { 'idempotency-key': text.replace(/[^ -~]/g, '') } })
    await somebody.request('POST', '/me/sign-out')
    await root.request('POST', '/admin/users', { payload: { username: text, email: text } })
    await app.inject({ url: '/me', headers: bearer(pool.idToken({ iss: text, aud: text, token_use: text })) })
    await app.inject(`/articles?q=${encodeURIComponent(text)}`)
    await app.inject(`/${encodeURIComponent(text)}`)
    sent += 7
  }
  const lines = log.map(line => JSON.parse(line))
  t.equal(lines.filter(({ msg }) => msg === 'request').length, sent)
  for (const line of log) {
    t.match(line, /^\{[ -~]*\}\n$/)
    t.notMatch(line, 'forged')
  }
})

t.test('the log holds no request header in any spelling', async t => {
  const { exchange, log } = await startOnWire(t, { LOG_LEVEL: 'trace', TRUST_PROXY: 'true' })
  log.length = 0
  const names = ['X-Request-Id', 'Traceparent', 'Tracestate', 'User-Agent', 'Referer', 'Authorization', 'Cookie', 'X-Forwarded-For', 'X-Forwarded-Host', 'Forwarded', 'Host', 'Origin', 'Content-Type', 'Accept', 'If-None-Match', 'X-forged']
  const values = ['a\x1b[31mforged', 'a","msg":"forged', `a\n${forged}`, 'a\x85forged', 'a\tforged', '%0aforged', '${jndi:ldap://forged}'] // eslint-disable-line no-template-curly-in-string
  for (const name of names) {
    for (const value of values) await exchange(`GET /articles HTTP/1.1\r\n${name === 'Host' ? '' : 'Host: a\r\n'}Connection: close\r\n${name}: ${value}\r\n\r\n`)
  }
  const lines = log.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'request')
  t.equal(lines.length, names.length * values.length)
  for (const line of lines) t.match(line.reqId, /^[0-9a-f-]{36}$/)
  t.notMatch(log.join(''), /forged|[^ -~\n]/)
})

t.test('a flood of bytes that are not HTTP does not flood the log', async t => {
  const { exchange, log } = await startOnWire(t, { LOG_LEVEL: 'debug' })
  log.length = 0
  for (let n = 0; n < 50; n++) t.strictSame((await exchange('NONSENSE\r\n\r\n')).statuses, [400])
  const lines = log.map(line => JSON.parse(line)).filter(({ reason }) => reason === 'HPE_INVALID_METHOD')
  const [first, ...others] = lines.filter(({ level }) => level >= 30)
  t.match(first, { reqId: /^[0-9a-f-]{36}$/, status: 400, code: 'validation_failed', unsaid: undefined, msg: 'request' })
  t.ok(others.length < 10, `${others.length}`)
  t.equal(lines.length, 50, 'at the level of debug each has its line')
})

t.test('the log drops properties that a library adds to an error', t => {
  const cause = Object.assign(new Error('the cause'), { config: { password: 'hunter2' } })
  const error = Object.assign(new Error('it failed', { cause }), { code: 'EX', command: { name: 'auth', args: ['hunter2'] }, request: { headers: 'hunter2' } })
  const logged = serializeError(error)
  t.match(logged, { type: 'Error', message: 'it failed: the cause', stack: /caused by/, code: 'EX' })
  t.strictSame(Object.keys(logged).sort(), ['code', 'message', 'stack', 'type'])
  t.match(serializeError(new AggregateError([error], 'all failed')), { type: 'AggregateError', errors: [{ message: 'it failed: the cause' }] })
  t.strictSame(serializeError('just a text'), { type: 'string', message: 'just a text', stack: '' })
  t.notMatch(JSON.stringify([logged, serializeError(new AggregateError([error]))]), 'hunter2')
  t.end()
})

t.test('the log does not show a Redis password that Redis rejects', async t => {
  const redis = createServer(socket => {
    socket.on('error', () => {}).on('data', () => socket.write('-WRONGPASS invalid username-password pair or user is disabled.\r\n'))
  }).listen(0, '127.0.0.1')
  t.teardown(() => redis.close())
  await once(redis, 'listening')
  const { port } = Object(redis.address())
  const { log } = await startApp(t, { RATE_LIMIT_MAX: '100', LOG_LEVEL: 'trace', REDIS_URL: `redis://articles:hunter2@127.0.0.1:${port}` })
  await until(() => log.some(line => line.includes('WRONGPASS')))
  t.notMatch(log.join(''), 'hunter2')
})
