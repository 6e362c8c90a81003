import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import t, { type Test } from 'tap'
import { freePort, startPostgres } from '../support/embedded-postgres.ts'
import { bearer, startApp, startPool, type TestApp } from '../support/app.ts'
import { makeKey, until } from '../support/user-pool.ts'

type Samples = Map<string, number>

/** The URL of the metrics in the log. */
function metricsUrl (log: string[]): string {
  const [, url = ''] = /Metrics served at (http:\S+\/metrics)/.exec(log.join('')) ?? []
  return url
}

/** The samples of a scrape by name and labels. Throws for a line that is neither a comment nor a sample. */
async function scrape ({ log }: TestApp): Promise<Samples> {
  const response = await fetch(metricsUrl(log))
  const lines = (await response.text()).trimEnd().split('\n').filter(line => line !== '' && !/^# (HELP|TYPE) [a-z0-9_:]+ \S/.test(line))
  return new Map(lines.map(line => {
    const [, name, value] = /^([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})?) (\S+)$/.exec(line) ?? []
    if (name === undefined || (Number.isNaN(Number(value)) && value !== 'Nan')) throw new Error(`not a sample: ${line}`)
    return [name, Number(value)]
  }))
}

function withName (samples: Samples, name: string): string[] {
  return [...samples.keys()].filter(key => key === name || key.startsWith(`${name}{`))
}

t.test('the service counts nothing and has no metrics listener without METRICS_PORT', async t => {
  const { app, log } = await startApp(t)
  t.equal(metricsUrl(log), '')
  t.notOk(app.hasDecorator('countClientError'))
})

t.test('http_request_duration_seconds counts requests by method, route and status, with no value of a client', async t => {
  const service = await startApp(t, { METRICS_PORT: '0' }, undefined, () => {})
  const { app, pool } = service
  const headers = bearer(pool.idToken())
  await app.inject({ url: '/articles?q=secret', headers })
  await app.inject({ method: 'HEAD', url: '/articles', headers })
  await app.inject({ method: 'POST', url: '/articles', headers, payload: { name: 'First' } })
  for (const id of [1, 2, 3]) await app.inject({ url: `/articles/${id}`, headers })
  for (const path of ['a', 'b', 'c']) await app.inject(`/nowhere/${path}`)
  await app.inject({ method: 'PROPFIND', url: '/articles' })
  await app.inject({ method: 'SEARCH', url: '/articles' })

  const samples = await scrape(service)
  t.strictSame(withName(samples, 'http_request_duration_seconds_count').sort().map(key => [key.slice(key.indexOf('{')), samples.get(key)]), [
    ['{method="GET",route="/articles",status="200"}', 1],
    ['{method="GET",route="/articles/:id",status="200"}', 1],
    ['{method="GET",route="/articles/:id",status="404"}', 2],
    ['{method="GET",route="unmatched",status="404"}', 3],
    ['{method="HEAD",route="/articles",status="200"}', 1],
    ['{method="POST",route="/articles",status="201"}', 1],
    ['{method="other",route="unmatched",status="405"}', 2]
  ])
  t.ok([...samples.keys()].every(key => !key.includes('secret') && !key.includes('alice') && !key.includes('nowhere')))
  t.match(samples.get('http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/articles",status="200"}'), 1)
})

t.test('http_refusals_total counts problems by code, and by reason for a rejected token', async t => {
  const service = await startApp(t, { METRICS_PORT: '0', RATE_LIMIT_MAX: '7' })
  const { app, pool } = service
  await app.inject('/articles')
  await app.inject({ url: '/articles', headers: bearer(pool.idToken({ exp: 1 })) })
  await app.inject({ url: '/articles', headers: bearer(pool.idToken({}, makeKey(pool.key.kid))) })
  await app.inject({ url: '/articles', headers: bearer('x.y.z') })
  await app.inject('/nowhere')
  for (const id of [1, 2, 3]) await app.inject(`/me?${id}`)

  const samples = await scrape(service)
  const count = (code: string, reason = 'none') => samples.get(`http_refusals_total{code="${code}",reason="${reason}"}`)
  t.equal(count('no_auth_token'), 3)
  t.equal(count('expired_auth_token', 'expired'), 1)
  t.equal(count('invalid_auth_token', 'signature'), 1)
  t.equal(count('invalid_auth_token', 'malformed'), 1)
  t.equal(count('not_found'), 1)
  t.equal(count('rate_limited'), 1)
  t.equal(count('storage_unavailable'), 0, 'a code that has not occurred has the sample 0')
})

t.test('http_refusals_total counts bad URLs and bytes that are not HTTP', async t => {
  const service = await startApp(t, { METRICS_PORT: '0' })
  const { app } = service
  await app.inject('/articles/%')
  const address = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(address.port), address.hostname)
  socket.resume().write('NONSENSE\r\n\r\n')
  await once(socket, 'close')
  t.equal((await scrape(service)).get('http_refusals_total{code="validation_failed",reason="none"}'), 2)
})

t.test('the metrics show the key set, its age and fetches, and the token cache', async t => {
  const pool = await startPool(t)
  const service = await startApp(t, { METRICS_PORT: '0' }, pool)
  const token = pool.idToken()
  for (const id of [1, 2, 3]) await service.app.inject({ url: `/me?${id}`, headers: bearer(token) })
  const labels = `user_pool="${pool.id}",issuer="${pool.issuer}"`
  const before = await scrape(service)
  t.equal(before.get(`cognito_keys_in_hand{${labels}}`), 1)
  t.ok(Number(before.get(`cognito_keys_age_seconds{${labels}}`)) >= 0)
  t.equal(before.get(`cognito_key_fetches_total{${labels},outcome="success"}`), 1)
  t.equal(before.get(`cognito_key_fetches_total{${labels},outcome="failure"}`), 0)
  t.equal(before.get('cognito_token_cache_hits_total'), 2)
  t.equal(before.get('cognito_token_cache_misses_total'), 1)
  t.equal(before.get('cognito_token_cache_entries'), 1)
  t.equal(before.get('cognito_tokens_waiting'), 0)
})

t.test('cognito_key_fetches_total counts failed and refused fetches of keys', async t => {
  for (const [status, outcome] of [[500, 'failure'], [404, 'refused']] as const) {
    const pool = await startPool(t)
    pool.answer = (_request, response) => response.writeHead(status).end()
    const service = await startApp(t, { METRICS_PORT: '0' }, pool)
    const labels = `user_pool="${pool.id}",issuer="${pool.issuer}"`
    await until(async () => (await scrape(service)).get(`cognito_key_fetches_total{${labels},outcome="${outcome}"}`) === 1)
    const samples = await scrape(service)
    t.equal(samples.get(`cognito_keys_in_hand{${labels}}`), 0)
    t.notOk(samples.has(`cognito_keys_age_seconds{${labels}}`))
  }
})

/** A service with metrics on an SQLite file, and a scrape that shows how much each sample has risen since. */
async function startWithFile (t: Test) {
  const service = await startApp(t, { METRICS_PORT: '0', DATABASE_URL: `sqlite:${t.testdir()}/articles.db` })
  const before = await scrape(service)
  const measureRise = async () => {
    const after = await scrape(service)
    return (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  }
  const insert = async (id: number) => service.app.db.insertInto('articles')
    .values({ id, name: 'x', name_key: 'x', author_id: null, created_at: '', updated_at: '' }).execute()
  return { service, insert, measureRise }
}

/** The service itself makes a few queries in the background, such as the clean-up of expired rows. */
const maxBackground = 10

t.test('database_query_duration_seconds counts queries by kind and outcome', async t => {
  const { service, insert, measureRise } = await startWithFile(t)
  for (let id = 1; id <= 50; id++) await insert(id)
  await t.rejects(insert(1))
  for (let n = 0; n < 100; n++) await service.app.db.selectFrom('articles').select('name').where('id', '=', -1).execute()

  const rise = await measureRise()
  const riseOf = (kind: string, outcome: string) => rise(`database_query_duration_seconds_count{kind="${kind}",outcome="${outcome}"}`)
  t.equal(riseOf('write', 'failure'), 1)
  const background = [riseOf('write', 'success') - 50, riseOf('read', 'success') - 100]
  t.ok(background.every(count => count >= 0 && count <= maxBackground), `background: ${background}`)
})

t.test('database_group_commits_total counts one commit for concurrent writes, and one for each single write', async t => {
  const { service, insert, measureRise } = await startWithFile(t)
  await Promise.all(Array.from({ length: 100 }, (_, n) => insert(n + 1)))
  const concurrent = await measureRise()
  t.ok(concurrent('database_group_commit_writes_total') >= 100)
  t.ok(concurrent('database_group_commits_total') >= 1)
  t.ok(concurrent('database_group_commits_total') <= 1 + maxBackground, `${concurrent('database_group_commits_total')} commits`)

  for (let n = 0; n < 50; n++) await insert(101 + n)
  const all = await measureRise()
  const single = all('database_group_commits_total') - concurrent('database_group_commits_total')
  t.ok(single >= 50 && single <= 50 + maxBackground, `${single} commits`)
  t.strictSame(withName(await scrape(service), 'database_pool_size'), [], 'SQLite has no pool')
})

t.test('the metrics show the connection pool of PostgreSQL', async t => {
  const server = await startPostgres('-c', 'fsync=off')
  t.teardown(() => server.remove())
  const service = await startApp(t, { METRICS_PORT: '0', DATABASE_URL: `${server.url}/postgres?pool_max_conns=7&connect_timeout=30` })
  await service.app.db.transaction().execute(async transaction => {
    await transaction.selectFrom('articles').select('id').execute()
    const samples = await scrape(service)
    t.equal(samples.get('database_pool_size'), 7)
    t.ok(Number(samples.get('database_pool_connections')) > Number(samples.get('database_pool_idle_connections')))
    t.equal(samples.get('database_pool_waiting_queries'), 0)
    t.ok(Number(samples.get('database_query_duration_seconds_count{kind="transaction",outcome="success"}')) >= 1)
  })
})

t.test('the metrics listener serves GET and HEAD /metrics only, and closes with the service', async t => {
  const { app, log } = await startApp(t, { METRICS_PORT: '0' })
  const url = metricsUrl(log)
  const scraped = await fetch(`${url}?a=b`)
  t.equal(scraped.status, 200)
  t.match(scraped.headers.get('content-type'), 'text/plain; version=0.0.4')
  const head = await fetch(url, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
  const posted = await fetch(url, { method: 'POST', body: 'x' })
  t.equal(posted.status, 405)
  t.equal(posted.headers.get('allow'), 'GET, HEAD')
  for (const path of ['/', '/articles', '/metrics/', '/health/live']) t.equal((await fetch(new URL(path, url))).status, 404, path)
  t.equal((await app.inject('/metrics')).statusCode, 404, 'the service itself has no /metrics')
  await app.close()
  await t.rejects(fetch(url))
})

t.test('two services in one process have separate metrics', async t => {
  const first = await startApp(t, { METRICS_PORT: '0' })
  const second = await startApp(t, { METRICS_PORT: '0' })
  await first.app.inject('/me')
  const name = 'http_request_duration_seconds_count{method="GET",route="/me",status="401"}'
  t.equal((await scrape(first)).get(name), 1)
  t.notOk((await scrape(second)).has(name))
})

t.test('a METRICS_PORT in use prevents start-up, with an error that names the port', async t => {
  const { log } = await startApp(t, { METRICS_PORT: '0' })
  const { port } = new URL(metricsUrl(log))
  await t.rejects(startApp(t, { METRICS_PORT: port }), { message: `METRICS_PORT: cannot listen on 127.0.0.1 port ${port} (EADDRINUSE)` })
})

const DashboardSchema = Type.Object({
  uid: Type.String({ minLength: 1, maxLength: 40 }),
  title: Type.String({ minLength: 1 }),
  schemaVersion: Type.Integer({ minimum: 36 }),
  templating: Type.Object({ list: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })) }),
  panels: Type.Array(Type.Object({
    id: Type.Integer(),
    title: Type.String({ minLength: 1 }),
    type: Type.String(),
    gridPos: Type.Object({ x: Type.Integer({ minimum: 0 }), y: Type.Integer({ minimum: 0 }), w: Type.Integer({ minimum: 1, maximum: 24 }), h: Type.Integer({ minimum: 1 }) }),
    datasource: Type.Object({ type: Type.Literal('prometheus'), uid: Type.Literal('${datasource}') }), // eslint-disable-line no-template-curly-in-string
    targets: Type.Array(Type.Object({ refId: Type.String(), expr: Type.String({ minLength: 1 }) }), { minItems: 1 })
  }), { minItems: 1 })
})

/**
 * The names of metrics in a PromQL expression, without functions, keywords, labels, durations and strings.
 */
function namesIn (expression: string): string[] {
  const bare = expression.replace(/"[^"]*"/g, '').replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
  return Array.from(bare.matchAll(/\b[a-z_][a-z0-9_]*\b(?!\s*\()/g), ([name]) => name)
    .filter(name => !['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on'].includes(name))
}

t.test('the Grafana dashboard and the alerts use metrics that the service exports', async t => {
  // The service exports the metric of Redis also while Redis is down.
  const REDIS_URL = `redis://127.0.0.1:${await freePort()}`
  const service = await startApp(t, { METRICS_PORT: '0', RATE_LIMIT_MAX: '1000', REDIS_URL })
  await service.app.inject({ url: '/articles', headers: bearer(service.pool.idToken()) })
  const served = new Set([...(await scrape(service)).keys()].map(key => key.replace(/\{.*/, '')))
  // Prometheus adds `up`. Only a service on PostgreSQL has the others.
  for (const name of ['up', 'database_pool_size', 'database_pool_connections', 'database_pool_idle_connections', 'database_pool_waiting_queries']) served.add(name)

  const dashboard: unknown = JSON.parse(readFileSync(new URL('../../deploy/grafana/articles.json', import.meta.url), 'utf8'))
  t.strictSame([...Value.Errors(DashboardSchema, dashboard)], [])
  const panels = Value.Check(DashboardSchema, dashboard) ? dashboard.panels : []
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids differ')
  const alerts = readFileSync(new URL('../../deploy/prometheus/alerts.yaml', import.meta.url), 'utf8')
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .concat(Array.from(alerts.matchAll(/^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*))/gm), ([, block = '', line = '']) => block + line))
  t.ok(expressions.length > 20)
  for (const expression of expressions) {
    const names = namesIn(expression)
    t.ok(names.length > 0, expression)
    t.strictSame(names.filter(name => !served.has(name)), [], expression)
  }
})
