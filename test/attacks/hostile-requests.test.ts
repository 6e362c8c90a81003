// Runs on SQLite and PostgreSQL.
import { request } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { documentChecker, type Answer } from '../support/documented.ts'
import { startApp } from '../support/app.ts'

interface Sent {
  method: string
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/** A raw request, which no client library normalises. */
function send (port: number, { method, path, headers, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ port, method, path, headers: { ...headers, ...length } }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', chunk => chunks.push(chunk)).on('end', () => resolve({
        method, url: path, status: incoming.statusCode ?? 0, contentType: incoming.headers['content-type'], body: Buffer.concat(chunks).toString()
      }))
    })
    outgoing.on('error', reject).end(body)
  })
}

const hostileText = fc.oneof(
  fc.constantFrom('', ' ', '0', '-1', '1e9', 'null', '__proto__', 'constructor', '\u0000', '\ud800', '\u202e', '%', '_', '\\', "' or 1=1 --", '<script>', '../../etc/passwd', 'x'.repeat(51), '😀'.repeat(50), '9007199254740993', 'NaN'),
  fc.string({ unit: 'binary', maxLength: 60 })
)
const json: fc.Arbitrary<unknown> = fc.oneof(fc.jsonValue({ maxDepth: 4 }), hostileText)
const body = fc.oneof(
  fc.record({ name: fc.oneof(fc.string({ minLength: 1, maxLength: 50 }), hostileText, json) }).map(value => JSON.stringify(value)),
  fc.record({ username: json, email: json, disabled: json }, { requiredKeys: [] }).map(value => JSON.stringify(value)),
  fc.record({ username: fc.stringMatching(/^[a-z]{1,8}$/), email: fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.example$/) }).map(value => JSON.stringify(value)),
  json.map(value => JSON.stringify(value) ?? ''),
  hostileText,
  fc.constant('{"name":"a","name":"b"}'),
  fc.constant('{"__proto__":{"name":"x"}}'),
  fc.constant('['.repeat(50_000)),
  fc.constant(undefined)
)
const segment = fc.oneof(fc.integer({ min: -1, max: 30 }).map(String), hostileText.map(text => encodeURIComponent(text.toWellFormed())), fc.constantFrom('%', '%zz', '%00', '..', '.', '%2e%2e', 'a;b', '%2f'))
const query = fc.array(fc.tuple(fc.constantFrom('limit', 'after', 'order', 'q', 'x', '__proto__'), fc.oneof(fc.integer({ min: -5, max: 200 }).map(String), fc.constantFrom('asc', 'desc'), hostileText)), { maxLength: 4 })
  .map(pairs => pairs.length === 0 ? '' : '?' + pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&'))
const path = fc.oneof(
  fc.constantFrom('/articles', '/articles/', '/me', '/me/sign-out', '/admin/users', '/admin/audit', '/health/live', '/health/ready', '//articles', '/Articles', '/', '/nothing', '/cognito/post-confirmation'),
  fc.tuple(fc.constantFrom('/articles/', '/admin/users/'), segment, fc.constantFrom('', '/', '/sign-out', '/x')).map(parts => parts.join(''))
)
const headerValue = fc.oneof(fc.constantFrom('*', '"x"', 'W/"x"', ',', '""', 'k1', 'k2'), fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)), maxLength: 300 }))

/** Requests that certainly reach a handler. */
function reaching (token: () => string): [{ method: string, path: string, token: () => string, headers: Record<string, string>, body: string | undefined }][] {
  const request = { token, headers: {}, body: undefined }
  return [
    [{ ...request, method: 'POST', path: '/articles', body: '{"name":"On bread"}' }],
    [{ ...request, method: 'GET', path: '/articles/1' }],
    [{ ...request, method: 'DELETE', path: '/articles/1' }],
    [{ ...request, method: 'PUT', path: '/articles' }]
  ]
}

t.test('random requests get no 5xx and only responses of the OpenAPI document', async t => {
  const { app, pool } = await startApp(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = Object(app.server.address())
  const check = documentChecker(JSON.parse(JSON.stringify(await app.swagger())))
  // A sign-out would end the run early, so each request has its own session.
  const tokens = [
    () => pool.idToken({ sub: 'alice', auth_time: Math.floor(Date.now() / 1000) + 60 }),
    () => pool.idToken({ sub: 'root', 'cognito:username': 'root', email: 'root@example.com', 'cognito:groups': ['admin'], auth_time: Math.floor(Date.now() / 1000) + 60 }),
    () => 'not-a-token'
  ] as const
  for (const token of tokens.slice(0, 2)) await app.inject({ url: '/me', headers: { authorization: token() } })
  const statuses = new Map<number, number>()

  const sent = fc.record({
    method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS'),
    path: fc.tuple(path, query).map(parts => parts.join('')),
    token: fc.constantFrom(...tokens),
    headers: fc.dictionary(fc.constantFrom('if-match', 'if-none-match', 'idempotency-key', 'content-type', 'webhook-signature', 'x-forwarded-for', 'accept'), headerValue),
    body
  })
  await fc.assert(fc.asyncProperty(sent, async ({ method, path, token, headers, body }) => {
    const text = method === 'GET' || method === 'HEAD' ? undefined : body?.toWellFormed()
    // Half of the runs keep the random media type, which is mostly rejected.
    const type: Record<string, string> = text === undefined ? {} : { 'content-type': headers['content-type']?.startsWith('k') ? 'text/plain' : 'application/json' }
    const answer = await send(port, { method, path, headers: { ...headers, ...type, authorization: `Bearer ${token()}`, connection: 'close' }, body: text })
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    check(answer)
    return answer.status < 500
  }), { numRuns: 1500, timeout: 10_000, examples: reaching(tokens[0]) })

  for (const status of [200, 201, 204, 400, 401, 404, 405]) t.ok(statuses.has(status), `${status} was reached`)
})
