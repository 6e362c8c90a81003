import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { bearer, environment, startApp, startPool } from '../support/app.ts'
import { run, until } from '../support/service-process.ts'

/** As much of an OTLP span as is asked here. https://opentelemetry.io/docs/specs/otlp/ */
interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  attributes: { key: string, value: Record<string, unknown> }[]
  status: { code: number, message?: string }
  events?: unknown[]
}

interface Receiver {
  endpoint: string
  spans: Span[]
  /** The bodies of all requests, as text. */
  received: string[]
  headers: IncomingHttpHeaders[]
  services: Span['attributes']
  status: number
}

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${parentId}-01`

/** Starts a receiver of traces by OTLP over HTTP, in JSON. */
async function startReceiver (t: Test): Promise<Receiver> {
  const receiver: Receiver = { endpoint: '', spans: [], received: [], headers: [], services: [], status: 200 }
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray()
    const body = Buffer.concat(chunks)
    if (request.method !== 'POST' || request.url !== '/v1/traces') return response.writeHead(404).end()
    if (receiver.status === 200) {
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
      receiver.received.push(text)
      receiver.headers.push(request.headers)
      for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
        receiver.services.push(...resource.attributes)
        for (const { spans } of scopeSpans) receiver.spans.push(...spans)
      }
    }
    response.writeHead(receiver.status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port')
  receiver.endpoint = `http://127.0.0.1:${address.port}`
  return receiver
}

/** The attributes of the service that sent spans. */
function servicesOf ({ services }: Receiver): Record<string, unknown> {
  return Object.fromEntries(services.map(({ key, value }) => [key, Object.values(value)[0]]))
}

function attributesOf (span: Span | undefined): Record<string, unknown> {
  return Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]))
}

t.test('tracing records a request in the trace of its client, with spans for guards and queries', async t => {
  const receiver = await startReceiver(t)
  const { app, pool, log } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.endpoint}/`, OTEL_SERVICE_NAME: 'articles-test' })
  await app.inject({ method: 'POST', url: '/articles', headers: { ...bearer(pool.idToken()), traceparent }, payload: { name: 'Traced' } })
  await app.close()

  const request = receiver.spans.find(({ name }) => name === 'POST /articles')
  t.match(request, { traceId, parentSpanId: parentId, kind: 2, status: { code: 0 } })
  t.strictSame(attributesOf(request), { 'http.request.method': 'POST', 'http.route': '/articles', 'http.response.status_code': 201 })
  t.ok(receiver.spans.length > 1)
  t.ok(receiver.spans.every(span => span.traceId === traceId), 'all spans belong to the request')
  const ids = new Set(receiver.spans.map(({ spanId }) => spanId))
  t.ok(receiver.spans.every(span => span === request || ids.has(span.parentSpanId ?? '')), 'every other span is a descendant of the request')
  t.ok(receiver.spans.some(({ name }) => name === 'onRequest - authenticate'))
  const written = receiver.spans.find(({ name }) => name === 'database write')
  t.match(written, { kind: 3, status: { code: 0 } })
  t.match(attributesOf(written), { 'db.system.name': process.env.TEST_DATABASE_URL === undefined ? 'sqlite' : 'postgresql', 'db.operation.name': 'write' })
  t.match(servicesOf(receiver), { 'service.name': 'articles-test', 'service.version': /^\d+\.\d+\.\d+$/, 'service.instance.id': /^[0-9a-f-]{36}$/ })

  const [line = ''] = log.filter(line => line.includes('"msg":"request"'))
  t.match(JSON.parse(line), { traceId, parentId, spanId: request?.spanId })
})

t.test('tracing starts a trace for a request without one, and the request log has its id', async t => {
  const receiver = await startReceiver(t)
  const { app, log } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  await app.inject({ url: '/me', headers: { traceparent: traceparent.replace(/^00/, 'ff') } })
  await app.close()
  const [span] = receiver.spans.filter(({ name }) => name === 'GET /me')
  t.match(span?.traceId, /^[0-9a-f]{32}$/)
  t.not(span?.traceId, traceId)
  t.notOk(span?.parentSpanId)
  t.match(JSON.parse(log.find(line => line.includes('"msg":"request"')) ?? ''), { traceId: span?.traceId, spanId: span?.spanId })
})

t.test('tracing records no span for a trace that the client does not sample', async t => {
  const receiver = await startReceiver(t)
  const { app } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  await app.inject({ url: '/articles', headers: { traceparent: traceparent.replace(/01$/, '00') } })
  await app.inject({ url: '/me', headers: { traceparent } })
  await app.close()
  t.strictSame(receiver.spans.filter(({ kind }) => kind === 2).map(({ name }) => name), ['GET /me'])
})

t.test('spans hold no URL, token, header, body or error message, and only a 5xx is an error', async t => {
  const receiver = await startReceiver(t)
  const { app, pool } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }, undefined, app => {
    app.get('/boom', async () => { throw new Error('secret-message') })
  })
  const token = pool.idToken()
  const headers = { ...bearer(token), 'user-agent': 'secret-agent' }
  await app.inject({ url: `/articles?q=secret-query&access_token=${token}`, headers })
  await app.inject({ url: `/secret-path/${token}`, headers })
  await app.inject({ url: `/articles/${token.slice(0, 90)}`, headers })
  await app.inject({ method: 'POST', url: '/articles', headers, payload: { name: 'secret-body' } })
  await app.inject({ url: '/me', headers: bearer(`${token.slice(0, -4)}AAAA`) })
  await app.inject({ url: '/boom', headers })
  await app.close()

  const sent = receiver.received.join('')
  t.notMatch(sent, /secret|node_modules/)
  for (const segment of token.split('.')) t.notOk(sent.includes(segment.slice(0, 30)))
  for (const claim of ['alice', String(pool.idClaims().sub)]) t.notOk(sent.includes(claim), claim)
  const requests = receiver.spans.filter(({ kind }) => kind === 2)
  t.strictSame(requests.map(span => [span.name, attributesOf(span)['http.response.status_code'], span.status.code]), [
    ['GET /articles', 200, 0],
    ['GET', 404, 0],
    ['GET /articles/:id', 404, 0],
    ['POST /articles', 201, 0],
    ['GET /me', 401, 0],
    ['GET /boom', 500, 2]
  ])
  t.ok(receiver.spans.every(({ status, events = [] }) => status.message === undefined && events.length === 0))
})

t.test('the span of a failed query is an error', async t => {
  const receiver = await startReceiver(t)
  const { app } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }, undefined, app => {
    app.get('/boom', async () => app.db.insertInto('articles').values({ id: 1, name: 'x', name_key: 'x', author_id: -1, created_at: '', updated_at: '' }).execute())
  })
  await app.inject('/boom')
  await app.close()
  t.match(receiver.spans.find(({ name }) => name === 'database write'), { status: { code: 2 } })
})

t.test('an unreachable or rejecting receiver of traces delays no request and logs one line', async t => {
  const receiver = await startReceiver(t)
  for (const endpoint of ['http://127.0.0.1:1', receiver.endpoint]) {
    receiver.status = 400
    const { app, log } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
    for (const id of [1, 2, 3]) t.equal((await app.inject(`/me?${id}`)).statusCode, 401)
    const told = () => log.filter(line => line.includes('traces cannot be sent'))
    await until(() => told().length > 0)
    await app.close()
    t.equal(told().length, 1, endpoint)
  }
})

t.test('the log says when the receiver of traces is reachable again', async t => {
  const receiver = await startReceiver(t)
  receiver.status = 400
  const { app, log } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  const told = (text: string) => log.some(line => line.includes(text))
  await app.inject('/me')
  await until(() => told('traces cannot be sent'))
  receiver.status = 200
  await app.inject('/articles')
  await until(() => told('traces are sent again'))
  t.ok(receiver.spans.some(({ name }) => name === 'GET /articles'))
})

t.test('the service sends its last spans when it stops, with the headers of OTEL_EXPORTER_OTLP_HEADERS', async t => {
  const receiver = await startReceiver(t)
  const pool = await startPool(t)
  const service = run(t, 'src/server.ts', environment(pool, { PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=word' }))
  const address = () => /Server listening at (http:[^"]+)/.exec(service.output.stdout)?.[1]
  await until(() => address() !== undefined)
  await fetch(`${address()}/me`, { headers: { traceparent } })
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
  t.match(receiver.spans.find(({ name }) => name === 'GET /me'), { traceId })
  t.equal(receiver.headers[0]?.['x-key'], 'word')
  t.notMatch(service.output.stdout, 'x-key')
})

t.test('health probes are not traced', async t => {
  const receiver = await startReceiver(t)
  const { app } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  for (const url of ['/health/live', '/health/ready', '/me']) await app.inject({ url, headers: { traceparent } })
  await app.close()
  t.strictSame(receiver.spans.filter(({ kind }) => kind === 2).map(({ name }) => name), ['GET /me'])
})

t.test('only a 5xx is an error, and has error.type; no span below a 404 is one', async t => {
  const receiver = await startReceiver(t)
  const { app, pool } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }, undefined, app => {
    app.get('/boom', async () => { throw new Error('unforeseen') })
  })
  await app.inject({ url: '/articles/123456', headers: bearer(pool.idToken()) })
  await app.inject('/boom')
  await app.close()
  t.strictSame(receiver.spans.filter(({ status }) => status.code === 2).map(({ name }) => name), ['GET /boom'])
  t.equal(attributesOf(receiver.spans.find(({ name }) => name === 'GET /boom'))['error.type'], '500')
})

t.test('OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER are honoured', async t => {
  const receiver = await startReceiver(t)
  const own = { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,service.name=other,service.instance.id=pod-1', OTEL_TRACES_SAMPLER: 'parentbased_always_off' }
  Object.assign(process.env, own)
  t.teardown(() => { for (const name of Object.keys(own)) delete process.env[name] })
  const { app } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  await app.inject('/articles')
  await app.inject({ url: '/me', headers: { traceparent } })
  await app.close()
  t.strictSame(receiver.spans.filter(({ kind }) => kind === 2).map(({ name }) => name), ['GET /me'])
  t.match(servicesOf(receiver), { 'deployment.environment.name': 'staging', 'service.name': 'articles', 'service.instance.id': 'pod-1' })
})
