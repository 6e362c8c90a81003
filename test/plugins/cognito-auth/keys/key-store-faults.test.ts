import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import published from 'cognito-local/lib/keys/cognitoLocal.public.json' with { type: 'json' }
import { keySetFetcher } from '../../../../plugins/cognito-auth/keys/fetch-key-set.ts'
import { parseKeySet } from '../../../../plugins/cognito-auth/keys/key-set.ts'
import { startPool } from '../../../support/app.ts'
import { publicJwk, until } from '../../../support/user-pool.ts'
import { startKeyStore } from './start-key-store.ts'

const fetchKeySet = keySetFetcher({})

const never = new AbortController().signal

t.test('KeyStore takes the good key of a set that has null beside it', async t => {
  const { pool, refusal } = await startKeyStore(t)
  pool.answer = (_request, response) => { response.end(JSON.stringify({ keys: [null, publicJwk(pool.key)] })) }
  t.equal(await refusal(pool.key.kid), 'none')
})

t.test('fetchKeySet asks for / where it was told /', async t => {
  const pool = await startPool(t)
  let asked
  pool.answer = (request, response) => { asked = request.url; pool.publish(request, response) }
  await fetchKeySet(`${pool.endpoint}/`, never)
  t.equal(asked, '/')
})

t.test('fetchKeySet takes a set whose encoding is identity', async t => {
  const pool = await startPool(t)
  pool.answer = (request, response) => { response.setHeader('content-encoding', 'identity'); pool.publish(request, response) }
  await t.resolves(fetchKeySet(pool.issuer, never))
})

t.test('KeyStore closed during its first fetch does not call a good key unknown', async t => {
  const { pool, keyStore, refusal } = await startKeyStore(t)
  pool.answer = () => {}
  const asked = refusal(pool.key.kid)
  await until(() => pool.fetches.length === 1)
  await keyStore.close()
  t.equal(await asked, 'keys_unavailable')
})

t.test('parseKeySet refuses the published key also in another spelling', async t => {
  for (const n of [`AAAA${published.jwk.n}`, `=${published.jwk.n}`, published.jwk.n.replaceAll('_', '/')]) {
    t.throws(() => parseKeySet(JSON.stringify({ keys: [{ ...published.jwk, n }] }), { allowDevelopmentKeys: false }), Error, n.slice(0, 10))
  }
})

t.test('KeyStore gives up on a storage that hangs', async t => {
  const pool = await startPool(t)
  await pool.down()
  const { refusal } = await startKeyStore(t, { pool, storage: { find: () => new Promise(() => {}), save: async () => {} } })
  t.equal(await Promise.race([refusal(pool.key.kid), setTimeout(8_000, 'hangs')]), 'keys_unavailable')
})

t.test('KeyStore waits for every save before it is closed', async t => {
  let open = 0
  let first = true
  const { pool, keyStore, find } = await startKeyStore(t, {
    cacheTtlSeconds: 1,
    storage: {
      find: async () => undefined,
      save: async () => {
        open++
        if (first) { first = false; await setTimeout(4_000) }
        open--
      }
    }
  })
  await find(pool.key.kid)
  await until(() => pool.fetches.length === 2)
  await setTimeout(100)
  await keyStore.close()
  t.equal(open, 0)
})

t.test('KeyStore keeps the newest set last, also where an older save is slow', async t => {
  const saved: number[] = []
  let first = true
  const { pool, find } = await startKeyStore(t, {
    cacheTtlSeconds: 1,
    storage: {
      find: async () => undefined,
      save: async (_issuer, { fetchedAt }) => {
        if (first) { first = false; await setTimeout(2_500) }
        saved.push(fetchedAt)
      }
    }
  })
  await find(pool.key.kid)
  await until(() => saved.length >= 3)
  t.strictSame(saved, saved.toSorted())
})
