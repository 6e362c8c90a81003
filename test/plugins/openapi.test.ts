import { readFileSync } from 'node:fs'
import t from 'tap'
import { startApp } from '../support/app.ts'

t.test('GET /openapi.json and /docs serve the document and its page', async t => {
  const { app } = await startApp(t)
  const document = (await app.inject('/openapi.json')).json()
  t.match(document, { openapi: '3.1.0', paths: { '/articles': { get: { operationId: 'listArticles' } } }, components: { schemas: { Problem: { type: 'object' } } } })
  t.strictSame((await app.inject('/docs/json')).json(), document)
  for (const url of ['/docs', '/docs/?x=1']) {
    const page = await app.inject(url)
    t.equal(page.statusCode, 200)
    t.match(page.headers, { 'content-type': 'text/html; charset=utf-8', 'x-request-id': /./ })
    t.match(page.body, '<div id="swagger-ui">')
  }
})

t.test('the files of /docs support HEAD, If-None-Match and Range', async t => {
  const { app } = await startApp(t)
  const url = '/docs/static/swagger-ui.css'
  const get = (headers: Record<string, string>, method: 'GET' | 'HEAD' = 'GET') => app.inject({ method, url, headers })
  const whole = await get({})
  t.strictSame(whole.rawPayload, readFileSync(new URL('../../node_modules/@fastify/swagger-ui/static/swagger-ui.css', import.meta.url)))
  const head = await get({}, 'HEAD')
  t.strictSame([head.statusCode, head.body, head.headers['content-length']], [200, '', `${whole.rawPayload.length}`])
  t.match(await get({ 'if-none-match': String(whole.headers.etag) }), { statusCode: 304, body: '', headers: { 'content-type': undefined, 'content-length': undefined } })
  const part = await get({ range: 'bytes=2-5' })
  t.strictSame([part.statusCode, part.body], [206, whole.body.slice(2, 6)])
  t.match((await get({ range: 'bytes=99999999-' })).json(), { status: 416, code: 'range_not_satisfiable' })
  const moved = await app.inject('/docs/static/index.html')
  t.match(moved, { statusCode: 302, headers: { location: '/docs/' } })
  t.match((await app.inject('/docs/static/none.css')).json(), { status: 404, code: 'not_found' })
})
