import { mock } from 'node:test'
import t from 'tap'
import { saveSignOut } from '../../src/users/sign-out-queries.ts'
import { newDatabase, startApp, startPool } from '../support/app.ts'
import { person } from '../support/people.ts'
import { until } from '../support/user-pool.ts'

const longAgo = '2000-01-01T00:00:00.000Z'

t.test('expired keys and sign-outs are deleted every hour, in batches', async t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { app, pool } = await startApp(t)
  const { id: userId } = (await person(app, pool, 'alice').request('GET', '/me')).json()
  await saveSignOut(app.db, { issuer: pool.issuer, subject: 'subject-of-bob' }, { at: 0, originJti: null }, longAgo)
  const store = (keys: string[], expiresAt: string) => app.db.insertInto('idempotency_keys')
    .values(keys.map(key => ({ user_id: userId, route: 'POST /articles', key, fingerprint: 'x', expires_at: expiresAt })))
    .execute()
  for (const hundreds of Array(21).keys()) await store(Array.from({ length: 100 }, (_, index) => `${hundreds * 100 + index}`), longAgo)
  await store(['good'], '9999-12-31T00:00:00.000Z')

  mock.timers.tick(3_599_999)
  t.equal((await app.db.selectFrom('sign_outs').select('subject').execute()).length, 1)
  mock.timers.tick(1)
  const keys = () => app.db.selectFrom('idempotency_keys').select('key').execute()
  await until(async () => (await keys()).length === 1)
  t.strictSame(await keys(), [{ key: 'good' }])
  t.strictSame(await app.db.selectFrom('sign_outs').select('subject').execute(), [])
})

t.test('a failed cleanup is logged, and the service keeps running', async t => {
  const pool = await startPool(t)
  const changes = { DATABASE_URL: await newDatabase(t) }
  const { app: before } = await startApp(t, changes, pool)
  await before.db.schema.dropTable('idempotency_keys').execute()
  await before.close()

  const { app, log } = await startApp(t, changes, pool)
  const warnings = () => log.map(line => JSON.parse(line)).filter(({ level }) => level >= 40)
  await until(() => warnings().length > 0)
  t.match(warnings(), [{ level: 40, err: { message: /idempotency_keys/ }, msg: 'expired rows were not deleted; the next attempt is in an hour' }])
  t.equal((await person(app, pool, 'alice').request('GET', '/me')).statusCode, 200)
})
