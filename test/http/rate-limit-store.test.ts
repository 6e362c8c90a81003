import t from 'tap'
import { RateLimitStore } from '../../src/http/rate-limit-store.ts'

t.test('RateLimitStore holds 50,000 keys, and evicts the oldest window', async t => {
  const store = new RateLimitStore()
  const count = (key: string) => new Promise(resolve => store.incr(key, (_error, result) => resolve(result?.current), 60_000))
  await count('first')
  await count('second')
  for (let n = 0; n < 49_998; n++) await count(`key ${n}`)
  await count('one more')
  t.equal(await count('second'), 2)
  t.equal(await count('first'), 1)
})
