import t from 'tap'
import { bearer } from '../support/app.ts'
import { startOnWire, watchHandlers } from '../support/wire.ts'

const articles = 'GET /articles'
const article = 'GET /articles/:id'
const docsFile = 'GET /docs/static/*'
const docsDocument = 'GET /docs/json'
const open = [docsFile, docsDocument, 'GET /health/live']

/**
 * Each target with its status without a token, its status for an administrator, and the handler that then
 * runs.
 */
const addresses: [target: string, without: number, withToken: number, handler?: string][] = [
  ['/articles', 401, 200, articles],
  ['/articles/', 401, 200, articles],
  ['/articles?', 401, 200, articles],
  ['/articles#/../health/live', 401, 200, articles],
  ['/%61rticles', 401, 200, articles],
  // RFC 9112 3.2.2: a server must accept the absolute form. The host in it has no effect.
  ['http://evil.example/articles', 401, 200, articles],
  ['HTTPS://evil.example:1/articles', 401, 200, articles],
  ['http://evil.example/admin/users', 401, 200, 'GET /admin/users'],
  ['http://127.0.0.1/health/live', 200, 200, 'GET /health/live'],
  ['http://evil.example//articles', 404, 404],
  ['ftp://evil.example/articles', 404, 404],
  ['//articles', 404, 404],
  ['//evil.example/articles', 404, 404],
  ['/articles//', 401, 404],
  ['/articles%2f1', 404, 404],
  ['/articles/1%2f..', 401, 404],
  ['/%2561rticles', 404, 404],
  ['/articles;x=1', 404, 404],
  ['/articles/1;x=1', 401, 404],
  ['/health/live;/articles', 404, 404],
  ['/ARTICLES', 404, 404],
  ['/Admin/users', 404, 404],
  ['/articles.', 404, 404],
  ['/articles.json', 404, 404],
  ['/articles/.', 401, 404],
  ['/articles/..', 401, 404],
  ['/./articles', 404, 404],
  ['/x/../articles', 404, 404],
  ['/health/live/../../articles', 404, 404],
  ['/health/live%2f..%2f..%2farticles', 404, 404],
  ['/..%2fadmin/users', 404, 404],
  ['/admin%2fusers', 404, 404],
  ['/admin//users', 404, 404],
  ['/admin', 404, 404],
  ['/admin/users%00', 404, 404],
  ['/articles%00', 404, 404],
  ['/articles/1%00', 401, 404],
  ['/articles%0d%0a', 404, 404],
  ['/articles\\', 404, 404],
  ['/\\articles', 404, 404],
  ['/%E2%81%84articles', 404, 404],
  ['/articles%23', 404, 404],
  ['/articles%3flimit=1', 404, 404],
  ['/articles/1%c0%af', 400, 400],
  ['/articles%c0%af1', 400, 400],
  ['/articles/%', 400, 400],
  ['/articles/-1', 401, 404],
  ['/articles/1e400', 401, 404],
  ['/articles/9007199254740993', 401, 404],
  ['/articles/NaN', 401, 404],
  ['/articles/__proto__', 401, 404],
  [`/articles/${'1'.repeat(101)}`, 404, 404],
  [`/${'a'.repeat(9_000)}`, 404, 404],
  // Numbers in any notation. The guards run before the lookup.
  ['/articles/%31', 401, 404, article],
  ['/articles/+1', 401, 404],
  ['/articles/1.0', 401, 404],
  ['/articles/0x1', 401, 404],
  // Only the files in the folder of the documentation are served.
  ['/docs/static/../../admin/users', 404, 404, docsFile],
  ['/docs/static/..%2f..%2fpackage.json', 404, 404, docsFile],
  ['/docs/static/%2e%2e/package.json', 404, 404, docsFile],
  ['/docs/static/%2e%2e%5cpackage.json', 404, 404, docsFile],
  ['/docs/static//etc/passwd', 404, 404, docsFile],
  ['/docs/../admin/users', 404, 404],
  ['/docs/..%2fadmin/users', 404, 404],
  ['http://[/docs/json', 400, 400],
  ['http://evil.example/docs/json', 200, 200, docsDocument],
  ['*', 404, 404],
  ['/*', 404, 404],
  ['articles', 400, 400],
  ['evil.example/articles', 400, 400],
  ['evil.example:443', 400, 400],
  ['\\articles', 400, 400],
  ['/articles\x7f', 400, 400],
  ['/articl\xe9s', 400, 400],
  ['/arti\0cles', 400, 400],
  ['/arti\tcles', 400, 400]
]

t.test('no spelling of a URL bypasses the guards of its route', async t => {
  const ran = watchHandlers(t)
  const { exchange, pool } = await startOnWire(t, {}, () => {})
  const token = pool.idToken({ 'cognito:groups': ['admin'] })
  for (const [target, without, withToken, handler] of addresses) {
    const name = JSON.stringify(target.slice(0, 60))
    const get = (header: string) => exchange(`GET ${target} HTTP/1.1\r\nHost: articles\r\nConnection: close\r\n${header}\r\n`)
    t.strictSame((await get('')).statuses, [without], name)
    t.strictSame(ran(), handler !== undefined && open.includes(handler) ? [handler] : [], `${name}: handlers without a token`)
    t.strictSame((await get(`Authorization: ${bearer(token).authorization}\r\n`)).statuses, [withToken], `${name} with a token`)
    t.strictSame(ran(), handler === undefined ? [] : [handler], `${name}: handlers with a token`)
  }
})

t.test('no method and no spelling of the request line bypasses the guards', async t => {
  const ran = watchHandlers(t)
  const { exchange } = await startOnWire(t, {}, () => {})
  const lines: [line: string, ...statuses: number[]][] = [
    ['HEAD /articles HTTP/1.1', 401],
    ['GET  /articles HTTP/1.1', 401],
    ['GET /articles HTTP/1.0', 401],
    ['\r\nGET /articles HTTP/1.1', 401],
    ['OPTIONS * HTTP/1.1', 404],
    ['OPTIONS /articles HTTP/1.1', 405],
    ['TRACE /articles HTTP/1.1', 405],
    ['QUERY /articles HTTP/1.1', 405],
    ['PROPFIND /articles HTTP/1.1', 405],
    ['get /articles HTTP/1.1', 400],
    ['FOO /articles HTTP/1.1', 400],
    ['GET\t/articles HTTP/1.1', 400],
    ['GET /articles HTTP/1.2', 400],
    ['GET /articles HTTP/1.1 ', 400],
    ['GET /articles x HTTP/1.1', 400],
    ['GET /articles http/1.1', 400],
    [' GET /articles HTTP/1.1', 400],
    ['PRI * HTTP/2.0', 400],
    // The service is no proxy, and Node closes the connection.
    ['CONNECT evil.example:443 HTTP/1.1'],
    ['CONNECT /articles HTTP/1.1']
  ]
  for (const [line, ...statuses] of lines) {
    t.strictSame((await exchange(`${line}\r\nHost: articles\r\nConnection: close\r\n\r\n`)).statuses, statuses, JSON.stringify(line))
  }
  t.strictSame((await exchange('GET /articles\r\n\r\n')).statuses, [400], 'HTTP/0.9')
  t.strictSame(ran(), [])
})

t.test('headers by which proxies rewrite a request have no effect', async t => {
  const ran = watchHandlers(t)
  const { exchange, pool } = await startOnWire(t, {}, () => {})
  const token = `Authorization: Bearer ${pool.idToken()}`
  const get = (...lines: string[]) => exchange(['GET /articles HTTP/1.1', 'Host: articles', 'Connection: close', ...lines, '', ''].join('\r\n'))
  await get('X-Original-URL: /health/live', 'X-Rewrite-URL: /health/live', 'X-Forwarded-Prefix: /health', 'X-Forwarded-Uri: /health/live')
  t.strictSame(ran(), [])
  await get(token, 'X-HTTP-Method-Override: POST', 'X-HTTP-Method: DELETE', 'X-Method-Override: DELETE')
  t.strictSame(ran(), [articles])
  t.strictSame((await get('X-Forwarded-User: root', 'X-Amzn-Oidc-Identity: root', `X-Amzn-Oidc-Data: ${pool.idToken()}`, 'Remote-User: root')).statuses, [401])
  t.strictSame((await get(token, 'Connection: authorization')).statuses, [200], 'a hop-by-hop Authorization is still read')
})

t.test('the Link to the next page is the canonical path of the list', async t => {
  const { exchange, app, pool } = await startOnWire(t, {}, () => {})
  const token = pool.idToken()
  for (const name of ['one', 'two']) await app.inject({ method: 'POST', url: '/articles', headers: bearer(token), payload: { name } })
  for (const target of ['/articles?limit=1', 'http://evil.example/articles?limit=1', '/%61rticles?limit=1', '/articles/?limit=1']) {
    const { text } = await exchange(`GET ${target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    t.match(text, '</articles?limit=1&after=1>; rel="next"', target)
    t.notMatch(text, 'evil')
  }
})
