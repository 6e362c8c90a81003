import t, { type Test } from 'tap'
import type { KeySetStorage, StoredKeySet } from '../../../../plugins/cognito-auth/keys/key-set-storage.ts'
import { startPool } from '../../../support/app.ts'
import { makeKey, publicJwk, until, type UserPool } from '../../../support/user-pool.ts'
import { startKeyStore } from './start-key-store.ts'

const day = 24 * 3_600_000

t.test('KeyStore keeps the set that it fetched, as it was fetched', async t => {
  const storage = memoryStorage()
  const before = Date.now()
  const { pool, keyStore, find } = await startKeyStore(t, { storage })
  await find(pool.key.kid)
  await keyStore.close()
  const stored = storage.sets.get(pool.issuer)
  t.strictSame(JSON.parse(stored?.jwks ?? ''), { keys: [publicJwk(pool.key)] })
  t.ok(stored !== undefined && stored.fetchedAt >= before && stored.fetchedAt <= Date.now())
})

t.test('KeyStore waits for the set to be kept before it is closed', async t => {
  const storage = memoryStorage()
  let saved = false
  storage.save = async () => {
    await new Promise(resolve => setTimeout(resolve, 100))
    saved = true
  }
  const { pool, keyStore, find } = await startKeyStore(t, { storage })
  await find(pool.key.kid)
  await keyStore.close()
  t.ok(saved)
})

t.test('KeyStore takes the keys that were kept while the key server is down', async t => {
  const storage = memoryStorage()
  const { pool, storedAt } = await startPoolDown(t, storage, 3_600_000)
  const { keyStore, find, refusal, events } = await startKeyStore(t, { pool, storage })
  const key = await find(pool.key.kid)
  t.match(events, [
    { type: 'restored', issuer: pool.issuer, kids: [pool.key.kid], fetchedAt: storedAt },
    { type: 'fetch-failed', keysInHand: true }
  ])
  t.ok(keyStore.ready)
  const hoursLeft = (key.trustedUntil - performance.now()) / 3_600_000
  t.ok(hoursLeft > 22.9 && hoursLeft <= 23, `trusted for ${hoursLeft} h more`)
  t.equal(await refusal('unknown'), 'keys_unavailable')

  const fresh = makeKey()
  pool.keys = [fresh]
  await pool.up()
  await until(() => events.some(event => event.type === 'fetched'))
  t.equal((await find(fresh.kid)).kid, fresh.kid, 'what is fetched takes the place of what was kept')
  t.ok(key.trustedUntil <= performance.now())
})

t.test('KeyStore prefers what it fetches to what was kept', async t => {
  const storage = memoryStorage()
  const pool = await startPool(t)
  storage.sets.set(pool.issuer, { jwks: JSON.stringify({ keys: [publicJwk(makeKey('kept'))] }), fetchedAt: Date.now() })
  const { find, refusal, events } = await startKeyStore(t, { pool, storage })
  t.equal((await find(pool.key.kid)).kid, pool.key.kid)
  t.equal(await refusal('kept'), 'unknown_key')
  t.strictSame(events.map(event => event.type), ['fetched'])
})

t.test('KeyStore does not go back to what was kept while it has keys in hand', async t => {
  const storage = memoryStorage()
  storage.save = async () => {}
  const pool = await startPool(t)
  storage.sets.set(pool.issuer, { jwks: JSON.stringify({ keys: [publicJwk(makeKey('kept'))] }), fetchedAt: Date.now() })
  const { find, refusal, events } = await startKeyStore(t, { pool, storage, cacheTtlSeconds: 1 })
  const key = await find(pool.key.kid)
  await pool.down()
  await until(() => events.length === 2)
  t.strictSame(events.map(event => event.type), ['fetched', 'fetch-failed'])
  t.equal(await find(pool.key.kid), key)
  t.equal(await refusal('kept'), 'keys_unavailable')
})

t.test('KeyStore trusts keys for 24 hours after they were last fetched', async t => {
  const storage = memoryStorage()
  const { pool } = await startPoolDown(t, storage, day - 2_000)
  const { keyStore, find, refusal } = await startKeyStore(t, { pool, storage })
  const key = await find(pool.key.kid)
  t.ok(keyStore.ready)
  await until(() => !keyStore.ready)
  t.ok(key.trustedUntil <= performance.now())
  t.equal(await refusal(pool.key.kid), 'keys_unavailable')

  await pool.up()
  await until(() => keyStore.ready, 15)
  t.equal(await find(pool.key.kid), key)
  t.ok(key.trustedUntil > performance.now())
})

t.test('KeyStore does not trust keys that were kept for longer than 24 hours', async t => {
  const storage = memoryStorage()
  const { pool } = await startPoolDown(t, storage, day + 1_000)
  const { keyStore, refusal } = await startKeyStore(t, { pool, storage })
  t.equal(await refusal(pool.key.kid), 'keys_unavailable')
  t.notOk(keyStore.ready)
})

t.test('KeyStore takes a set of the future for one of now', async t => {
  const storage = memoryStorage()
  const { pool } = await startPoolDown(t, storage, -365 * day)
  const { find } = await startKeyStore(t, { pool, storage })
  const key = await find(pool.key.kid)
  t.ok(key.trustedUntil <= performance.now() + day)
})

t.test('KeyStore reports a set that it cannot keep, and uses it', async t => {
  const storage = memoryStorage()
  const failure = new Error('the disk is full')
  storage.save = async () => { throw failure }
  const { pool, find, events } = await startKeyStore(t, { storage })
  t.equal((await find(pool.key.kid)).kid, pool.key.kid)
  await until(() => events.length === 2)
  t.strictSame(events[1], { type: 'storage-failed', issuer: pool.issuer, error: failure })
})

const broken: Record<string, KeySetStorage['find']> = {
  'storage that fails': async () => { throw new Error('no such table') },
  'what is not JSON': async () => ({ jwks: 'garbage', fetchedAt: Date.now() }),
  'what is not a set': async () => ({ jwks: '[]', fetchedAt: Date.now() }),
  'a set without a usable key': async () => ({ jwks: '{"keys":[{}]}', fetchedAt: Date.now() })
}

for (const [name, find] of Object.entries(broken)) {
  t.test(`KeyStore reports ${name}, and comes back when the key server does`, async t => {
    const storage = memoryStorage()
    storage.find = find
    const pool = await startPool(t)
    await pool.down()
    const { keyStore, refusal, events } = await startKeyStore(t, { pool, storage })
    t.equal(await refusal(pool.key.kid), 'keys_unavailable')
    t.match(events, [{ type: 'storage-failed', issuer: pool.issuer, error: Error }, { type: 'fetch-failed', keysInHand: false }])
    await pool.up()
    await until(() => keyStore.ready)
    t.equal(await refusal(pool.key.kid), 'none')
  })
}

t.test('KeyStore does not trust a kept set whose age is unknown', async t => {
  const storage = memoryStorage()
  const { pool } = await startPoolDown(t, storage, NaN)
  const { keyStore, refusal } = await startKeyStore(t, { pool, storage })
  t.equal(await refusal(pool.key.kid), 'keys_unavailable')
  t.notOk(keyStore.ready)
})

interface MemoryStorage extends KeySetStorage {
  sets: Map<string, StoredKeySet>
}

function memoryStorage (): MemoryStorage {
  const sets = new Map<string, StoredKeySet>()
  return {
    sets,
    find: async issuer => sets.get(issuer),
    save: async (issuer, set) => { sets.set(issuer, set) }
  }
}

/** A pool whose key server is down, and whose keys were kept some milliseconds ago. */
async function startPoolDown (t: Test, storage: MemoryStorage, age: number): Promise<{ pool: UserPool, storedAt: number }> {
  const pool = await startPool(t)
  const storedAt = Date.now() - age
  storage.sets.set(pool.issuer, { jwks: JSON.stringify({ keys: [publicJwk(pool.key)] }), fetchedAt: storedAt })
  await pool.down()
  return { pool, storedAt }
}
