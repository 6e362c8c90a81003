import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { listIssuers } from '../../../../plugins/cognito-auth/issuers.ts'
import { startPool } from '../../../support/app.ts'
import { makeKey, publicJwk, until } from '../../../support/user-pool.ts'
import { gaps, startKeyStore } from './start-key-store.ts'

t.test('KeyStore fetches once for 50 who ask at once while it is cold', async t => {
  const { pool, find } = await startKeyStore(t)
  const keys = await Promise.all(Array.from({ length: 50 }, () => find(pool.key.kid)))
  t.equal(new Set(keys).size, 1)
  t.equal(pool.fetches.length, 1)
})

t.test('KeyStore answers at once, without a promise, what it has in hand', async t => {
  const { pool, keyStore, find } = await startKeyStore(t)
  const key = await find(pool.key.kid)
  t.equal(keyStore.find(pool.issuer, pool.key.kid), key)
  t.equal(key.pem, pool.key.publicKey.export({ type: 'spki', format: 'pem' }))
})

t.test('KeyStore refuses a key that is gone from the set once it has been fetched again', async t => {
  const { pool, find, refusal } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  const [stays, goes] = [pool.key, makeKey()]
  pool.keys = [stays, goes]
  const [held, gone] = await Promise.all([find(stays.kid), find(goes.kid)])
  const heldUntil = held.trustedUntil
  t.ok(gone.trustedUntil > performance.now())

  pool.keys = [stays]
  await until(() => gone.trustedUntil <= performance.now())
  t.equal(await refusal(goes.kid), 'unknown_key')
  t.equal(await find(stays.kid), held, 'a key that stays keeps its identity')
  t.ok(held.trustedUntil > heldUntil, 'and is trusted for longer')
})

t.test('KeyStore takes other key material under the same id, and trusts the old no more', async t => {
  const { pool, find } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  const old = await find(pool.key.kid)
  pool.keys = [makeKey(pool.key.kid)]
  await until(() => old.trustedUntil <= performance.now())
  const young = await find(pool.key.kid)
  t.equal(young.pem, pool.key.publicKey.export({ type: 'spki', format: 'pem' }))
  t.ok(young.trustedUntil > performance.now())
})

t.test('KeyStore fetches by itself, as often as it was told', async t => {
  const { pool, keyStore, events } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  keyStore.start()
  await until(() => events.length === 3)
  t.equal(pool.fetches.length, 3)
  t.ok(gaps(pool).every(gap => gap >= 990), `${gaps(pool)} ms between fetches`)
  t.strictSame(events[0], { type: 'fetched', issuer: pool.issuer, kids: [pool.key.kid] })
})

t.test('KeyStore answers for trusted issuers only', async t => {
  const { pool, keyStore } = await startKeyStore(t)
  for (const issuer of ['https://example.com', `${pool.issuer}/`, '__proto__', '']) {
    t.throws(() => keyStore.find(issuer, pool.key.kid), { message: 'find() takes a trusted issuer' }, issuer)
  }
  t.strictSame(pool.fetches, [])
})

t.test('KeyStore stops fetching when it is closed', async t => {
  const { pool, keyStore, find, events } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  await find(pool.key.kid)
  pool.answer = () => {}
  await until(() => pool.fetches.length === 2)
  await keyStore.close()
  await setTimeout(1_100)
  t.equal(pool.fetches.length, 2)
  t.strictSame(events.map(event => event.type), ['fetched'], 'to be stopped is no failure')
})

t.test('KeyStore plans no fetch after one that came through while it was closed', async t => {
  const key = makeKey()
  let fetches = 0
  const { pool, keyStore, refusal } = await startKeyStore(t, {
    cacheTtlSeconds: 1,
    fetch: async () => {
      fetches++
      await setTimeout(100)
      return JSON.stringify({ keys: [publicJwk(key)] })
    }
  })
  const asked = refusal(key.kid)
  await keyStore.close()
  t.equal(await asked, 'none', 'who waited has his answer')
  await setTimeout(1_200)
  t.equal(fetches, 1)
  t.strictSame(pool.fetches, [])
})

t.test('KeyStore does without the second issuer, which most pools do not have', async t => {
  const [usual, second] = listIssuers({ userPoolIds: ['eu-west-1_Test00001'] })
  if (usual === undefined || second === undefined) throw new Error('not two issuers')
  const key = makeKey()
  const asked: string[] = []
  let migrated = false
  const { keyStore, events } = await startKeyStore(t, {
    issuers: [usual, second],
    fetch: async uri => {
      asked.push(uri)
      if (uri === second.jwksUri && !migrated) throw new Error('403')
      return JSON.stringify({ keys: [publicJwk(key)] })
    }
  })
  keyStore.start()
  await until(() => events.length === 2)
  t.match(events.find(event => event.type === 'fetch-failed'), { issuer: second.name, optional: true, keysInHand: false })
  t.ok(keyStore.ready)
  await setTimeout(1_500)
  t.strictSame(asked, [usual.jwksUri, second.jwksUri], 'its keys are not fetched again')

  migrated = true
  t.equal((await keyStore.find(second.name, key.kid)).kid, key.kid, 'but for a token of it')
})

t.test('KeyStore is ready when every pool has keys in hand', async t => {
  const one = await startPool(t, { id: 'eu-west-1_One000001' })
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  await other.down()
  const { keyStore, events } = await startKeyStore(t, {
    issuers: [one, other].flatMap(({ id, endpoint }) => listIssuers({ userPoolIds: [id], endpoint }))
  })
  keyStore.start()
  await until(() => events.length >= 2)
  t.ok(events.some(event => event.type === 'fetched'), 'the one has')
  t.notOk(keyStore.ready)
  await other.up()
  await until(() => keyStore.ready)
})
