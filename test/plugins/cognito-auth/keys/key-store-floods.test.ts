import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { makeKey, until } from '../../../support/user-pool.ts'
import { gaps, startKeyStore } from './start-key-store.ts'

t.test('KeyStore fetches at most twice for 200 unknown ids, asked at once or one by one', async t => {
  const { pool, find, refusal } = await startKeyStore(t)
  const key = await find(pool.key.kid)

  const refusals = await Promise.all(Array.from({ length: 200 }, (_, index) => refusal(`unknown-${index}`)))
  for (let index = 0; index < 200; index++) refusals.push(await refusal(`unknown-too-${index}`))
  t.strictSame([...new Set(refusals)], ['unknown_key'])
  t.ok(pool.fetches.length <= 2, `${pool.fetches.length} fetches`)
  t.equal(await find(pool.key.kid), key, 'the good key is still in hand')
})

t.test('KeyStore, with a set that is no longer new, fetches once for an unknown id that is asked 50 times', async t => {
  const { pool, find, refusal } = await startKeyStore(t)
  await find(pool.key.kid)
  await setTimeout(4_100)
  for (let times = 0; times < 50; times++) t.equal(await refusal('unknown'), 'unknown_key')
  t.equal(pool.fetches.length, 2, 'for the first of them')
  await setTimeout(4_100)
  t.equal(pool.fetches.length, 2, 'and none to come')
})

t.test('KeyStore finds a new key within 5 s of being published, under a flood of unknown ids', async t => {
  const { pool, find, refusal } = await startKeyStore(t)
  await find(pool.key.kid)
  for (let index = 0; index < 2_000; index++) await refusal(`unknown-${index}`)

  const fresh = makeKey()
  t.equal(await refusal(fresh.kid), 'unknown_key')
  pool.keys = [pool.key, fresh]
  let flooded = 0
  await until(async () => {
    await Promise.all(Array.from({ length: 100 }, () => refusal(`flood-${flooded++}`)))
    return await refusal(fresh.kid) === 'none'
  }, 5)
  t.ok(pool.fetches.length <= 3, `${pool.fetches.length} fetches for ${flooded} ids`)
  t.ok(gaps(pool).every(gap => gap > 3_900), `${gaps(pool)} ms between fetches`)
})

t.test('KeyStore finds a new key that is asked for once, and then no more until it is published', async t => {
  const { pool, keyStore, find, refusal } = await startKeyStore(t)
  await find(pool.key.kid)
  const fresh = makeKey()
  t.equal(await refusal(fresh.kid), 'unknown_key')
  pool.keys = [fresh]
  await until(() => pool.fetches.length === 2, 5)
  await until(() => !(keyStore.find(pool.issuer, fresh.kid) instanceof Promise))
  t.equal(pool.fetches.length, 2)
})

t.test('KeyStore does not put a planned fetch off for unknown ids', async t => {
  const { pool, find, refusal } = await startKeyStore(t, { cacheTtlSeconds: 1 })
  await find(pool.key.kid)
  let flooded = 0
  await until(async () => {
    await refusal(`flood-${flooded++}`)
    return pool.fetches.length === 3
  })
  t.ok(gaps(pool).every(gap => gap < 3_900), `${gaps(pool)} ms between fetches`)
})
