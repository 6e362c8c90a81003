import t, { type Test } from 'tap'
import { bearer, startApp, startPool, type TestApp } from '../../support/app.ts'
import { makeKey, until } from '../../support/user-pool.ts'

t.test('GET /me fetches keys once for 50 good tokens at once after a cold start', async t => {
  const { app, pool } = await startApp(t)
  const responses = await Promise.all(Array.from({ length: 50 }, () => get(app, pool.idToken())))
  t.ok(responses.every(({ statusCode }) => statusCode === 200))
  t.equal(pool.fetches.length, 1)
})

t.test('GET /me fetches keys at most twice for 200 tokens with unknown key ids at once', async t => {
  const { app, pool } = await startApp(t)
  const responses = await Promise.all(Array.from({ length: 200 }, (_, index) => get(app, pool.idToken({}, { ...pool.key, kid: `unknown-${index}` }))))
  for (const { statusCode, code } of responses) t.strictSame([statusCode, code], [401, 'invalid_auth_token'])
  t.ok(pool.fetches.length <= 2, `${pool.fetches.length} fetches`)
  t.equal((await get(app, pool.idToken())).statusCode, 200)
})

t.test('GET /me takes a token of a new key within 5 s, after a flood of unknown ones', async t => {
  const { app, pool } = await startApp(t)
  t.equal((await get(app, pool.idToken())).statusCode, 200)
  const flood = (count: number) => Promise.all(Array.from({ length: count }, (_, index) => get(app, pool.idToken({}, { ...pool.key, kid: `${count}-${index}` }))))
  await flood(200)
  const fresh = makeKey()
  pool.keys = [pool.key, fresh]
  await until(async () => {
    await flood(10)
    return (await get(app, pool.idToken({}, fresh))).statusCode === 200
  }, 5)
  t.ok(pool.fetches.length <= 3, `${pool.fetches.length} fetches`)
})

t.test('GET /me refuses a remembered token once its key is gone from the set', async t => {
  const { app, pool } = await startApp(t, { JWKS_MAX_AGE_S: '1' })
  const token = pool.idToken()
  t.equal((await get(app, token)).statusCode, 200)
  t.equal((await get(app, token)).statusCode, 200)
  pool.keys = [makeKey()]
  await until(async () => (await get(app, token)).statusCode !== 200)
  const { statusCode, code, challenge } = await get(app, token)
  t.strictSame([statusCode, code], [401, 'invalid_auth_token'])
  t.equal(challenge, 'Bearer realm="articles", error="invalid_token", error_description="The user pool has no such signing key"')
  t.equal((await get(app, pool.idToken())).statusCode, 200)
})

t.test('GET /me refuses a remembered token once its key id stands for another key', async t => {
  const { app, pool } = await startApp(t, { JWKS_MAX_AGE_S: '1' })
  const token = pool.idToken()
  t.equal((await get(app, token)).statusCode, 200)
  pool.keys = [makeKey(pool.key.kid)]
  await until(async () => (await get(app, token)).statusCode !== 200)
  const { statusCode, code, challenge } = await get(app, token)
  t.strictSame([statusCode, code], [401, 'invalid_auth_token'])
  t.equal(challenge, 'Bearer realm="articles", error="invalid_token", error_description="The signature does not verify"')
  t.equal((await get(app, pool.idToken())).statusCode, 200)
})

t.test('GET /me goes on through an outage of the key server, and /health/ready with it', async t => {
  const { app, pool, log } = await startApp(t, { JWKS_MAX_AGE_S: '1' })
  const token = pool.idToken()
  t.equal((await get(app, token)).statusCode, 200)
  await pool.down()
  await until(() => log.some(line => line.includes('signing keys could not be fetched')))
  t.equal((await get(app, token)).statusCode, 200, 'a remembered token')
  t.equal((await get(app, pool.idToken())).statusCode, 200, 'a new one')
  t.equal((await app.inject('/health/ready')).statusCode, 200)
  t.equal(pool.fetches.length, 1)
})

t.test('GET /me answers 503 identity_provider_unavailable after a cold start in an outage, and comes back by itself', async t => {
  const pool = await startPool(t)
  await pool.down()
  const { app, log } = await startApp(t, {}, pool)
  const responses = await Promise.all(Array.from({ length: 20 }, () => get(app, pool.idToken())))
  for (const { statusCode, code, challenge, retryAfter } of responses) {
    t.strictSame({ statusCode, code, challenge, retryAfter }, { statusCode: 503, code: 'identity_provider_unavailable', challenge: undefined, retryAfter: '1' })
  }
  t.equal(log.filter(line => line.includes('signing keys could not be fetched')).length, 1, 'one fetch')
  const ready = await app.inject('/health/ready')
  t.strictSame([ready.statusCode, ready.json().code], [503, 'identity_provider_unavailable'])

  await pool.up()
  await until(async () => (await app.inject('/health/ready')).statusCode === 200)
  t.equal(pool.fetches.length, 1)
  t.equal((await get(app, pool.idToken())).statusCode, 200)
})

t.test('GET /me still refuses what no key could make good while the key server is down', async t => {
  const pool = await startPool(t)
  await pool.down()
  const { app } = await startApp(t, {}, pool)
  for (const token of ['', 'a.b.c', pool.idToken({ iss: 'https://example.com' })]) t.equal((await get(app, token)).statusCode, 401)
})

t.test('GET /me takes the keys of the last start when the key server is down at the next', async t => {
  const { app, pool, log } = await restart(t)
  t.equal((await get(app, pool.idToken())).statusCode, 200)
  t.equal((await app.inject('/health/ready')).statusCode, 200)
  t.ok(log.some(line => line.includes('signing keys taken from storage')))
})

t.test('GET /me answers 503 when the keys of the last start are older than 24 hours', async t => {
  const { app, pool } = await restart(t, { fetched_at: Date.now() - 24 * 3_600_000 - 1_000 })
  const { statusCode, code } = await get(app, pool.idToken())
  t.strictSame([statusCode, code], [503, 'identity_provider_unavailable'])
})

t.test('GET /me answers 503 when the database holds garbage for keys, and comes back with the key server', async t => {
  const { app, pool, log } = await restart(t, { jwks: '{"keys":' })
  const { statusCode, code } = await get(app, pool.idToken())
  t.strictSame([statusCode, code], [503, 'identity_provider_unavailable'])
  t.ok(log.some(line => line.includes('signing keys could not be stored')))
  await pool.up()
  await until(async () => (await get(app, pool.idToken())).statusCode === 200)
})

t.test('GET /me does without a database that keeps keys', async t => {
  const { app, pool, log } = await startApp(t, { JWKS_MAX_AGE_S: '1' })
  t.equal((await get(app, pool.idToken())).statusCode, 200)
  await app.db.schema.dropTable('key_sets').execute()
  await until(() => log.some(line => line.includes('signing keys could not be stored')))
  t.equal((await get(app, pool.idToken())).statusCode, 200)
})

interface Answer {
  statusCode: number
  code: unknown
  challenge: unknown
  retryAfter: unknown
}

async function get (app: TestApp['app'], token: string): Promise<Answer> {
  const { statusCode, headers, ...response } = await app.inject({ url: '/me', headers: bearer(token) })
  return { statusCode, code: response.json().code, challenge: headers['www-authenticate'], retryAfter: headers['retry-after'] }
}

/** A service that was started before, whose key server is down now; `row` is changed in what it kept. */
async function restart (t: Test, row?: { jwks?: string, fetched_at?: number }): Promise<TestApp> {
  const database = { DATABASE_URL: `sqlite:${t.testdir()}/articles.db` }
  const { app, pool } = await startApp(t, database)
  t.equal((await get(app, pool.idToken())).statusCode, 200)
  await until(() => app.db.selectFrom('key_sets').selectAll().executeTakeFirst())
  if (row !== undefined) await app.db.updateTable('key_sets').set(row).execute()
  await app.close()
  await pool.down()
  return startApp(t, database, pool)
}
