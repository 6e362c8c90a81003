import { gzipSync } from 'node:zlib'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import web from '../../plugins/web.ts'
import { passwordPolicy } from '../../src/cognito/password-policy.ts'
import { sendProblem } from '../../src/problems/error-handler.ts'
import { startApp } from '../support/app.ts'

const options = { userPoolIds: ['eu-west-1_AbC123xyz', 'us-east-1_Other'], webClientId: 'first', endpoint: undefined, adminGroup: 'admin' }
const script = 'console.log("hello")\n'.repeat(100)
const built = {
  'index.html': '<!doctype html><title>Articles</title>',
  assets: { 'index-AbC.js': script, 'index-AbC.js.gz': gzipSync(script), 'icon-AbC.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>' }
}

/** The pages alone, over a build of the test's own. */
async function startPages (t: Test, changes: Partial<Parameters<typeof web>[1]> = {}): Promise<FastifyInstance> {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  t.teardown(() => app.close())
  await app.register(web, { ...options, ...changes, webFolder: changes.webFolder ?? t.testdir(built) })
  return app
}

t.test('GET / answers the page, asked for again each time, under a strict policy', async t => {
  const response = await (await startPages(t)).inject('/')
  t.equal(response.statusCode, 200)
  t.match(response.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin'
  })
  const policy = String(response.headers['content-security-policy']).split('; ')
  t.ok(policy.includes("default-src 'none'"))
  t.ok(policy.includes("script-src 'self'"))
  t.ok(policy.includes("connect-src 'self' https://cognito-idp.eu-west-1.amazonaws.com"))
  t.ok(policy.includes("frame-ancestors 'none'"))
  t.notMatch(policy.join(), /unsafe|\*|https?:(?!\/\/cognito-idp)/)
})

t.test('the page may call the Cognito that the service is told of', async t => {
  const response = await (await startPages(t, { endpoint: 'http://127.0.0.1:9229/some/path' })).inject('/')
  t.match(response.headers['content-security-policy'], "connect-src 'self' http://127.0.0.1:9229;")
})

t.test('what is named by its content is kept for ever, and sent compressed to whoever takes that', async t => {
  const app = await startPages(t)
  const plain = await app.inject('/assets/index-AbC.js')
  t.match(plain.headers, { 'cache-control': 'public, max-age=31536000, immutable', 'content-type': /^(text|application)\/javascript/, vary: 'accept-encoding' })
  t.equal(plain.body, script)
  const compressed = await app.inject({ url: '/assets/index-AbC.js', headers: { 'accept-encoding': 'gzip, br' } })
  t.match(compressed.headers, { 'content-encoding': 'gzip', 'content-type': /^(text|application)\/javascript/, 'cache-control': /immutable/ })
  t.ok(compressed.rawPayload.length < script.length)
  t.match((await app.inject('/assets/icon-AbC.svg')).headers['content-type'], 'image/svg+xml')
  const revalidated = await app.inject({ url: '/assets/index-AbC.js', headers: { 'if-none-match': String(plain.headers.etag) } })
  t.equal(revalidated.statusCode, 304)
})

t.test('what is refused of a file is a problem, and no fault of the service', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, error))
  await app.register(web, { ...options, webFolder: t.testdir(built) })
  for (const [headers, status, code] of [
    [{ 'if-match': '"x"' }, 412, 'precondition_failed'],
    [{ 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 412, 'precondition_failed'],
    [{ range: 'bytes=999999-' }, 416, 'range_not_satisfiable']
  ] as const) {
    const response = await app.inject({ url: '/', headers })
    t.strictSame([response.statusCode, response.json().code], [status, code])
  }
})

t.test('GET /config.json tells the page the first pool and its client, and nothing else', async t => {
  const response = await (await startPages(t)).inject('/config.json')
  t.equal(response.headers['cache-control'], 'no-cache')
  t.same(response.json(), { region: 'eu-west-1', userPoolId: 'eu-west-1_AbC123xyz', clientId: 'first', adminGroup: 'admin', passwordPolicy })
  const elsewhere = await (await startPages(t, { endpoint: 'http://127.0.0.1:9229' })).inject('/config.json')
  t.match(elsewhere.json(), { endpoint: 'http://127.0.0.1:9229' })
})

t.test('no address beside the files of the build is taken', async t => {
  const app = await startPages(t)
  for (const url of ['/elsewhere', '/assets', '/assets/', '/assets/index-AbC.js.gz', '/assets/..%2f..%2fpackage.json', '/.env', '/%00']) {
    t.equal((await app.inject(url)).statusCode, 404, url)
  }
  t.equal((await app.inject({ method: 'POST', url: '/' })).statusCode, 404)
})

t.test('a service whose pages were not built starts, and has no page', async t => {
  const app = await startPages(t, { webFolder: t.testdir({}) })
  t.equal((await app.inject('/')).statusCode, 404)
  t.equal((await app.inject('/config.json')).statusCode, 200)
})

t.test('beside the whole service the pages take nothing from it', async t => {
  const { app, pool } = await startApp(t, {}, undefined, () => {})
  t.match((await app.inject('/config.json')).json(), { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint })
  t.equal((await app.inject('/articles')).json().code, 'no_auth_token')
  t.equal((await app.inject('/elsewhere')).json().code, 'not_found')
  t.equal((await app.inject({ method: 'POST', url: '/config.json' })).json().code, 'method_not_allowed')
  t.equal((await app.inject('/docs')).statusCode, 200)
  const { paths } = (await app.inject('/openapi.json')).json()
  t.notOk('/config.json' in paths || '/' in paths)
})
