import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import type { SigningKey } from '../../../plugins/cognito-auth/keys/key-set.ts'
import { TokenCache } from '../../../plugins/cognito-auth/token-cache.ts'
import { verifiedUser, type VerifiedUser } from '../../../plugins/cognito-auth/verified-user.ts'

t.test('TokenCache gives the very user that it was given', async t => {
  const cache = new TokenCache(10)
  const alice = user()
  cache.set('alice', alice, key())
  t.equal(cache.get('alice'), alice)
  t.equal(cache.get('alice '), undefined)
  t.equal(cache.get('__proto__'), undefined)
})

t.test('TokenCache knows a token by all of it, also where another ends in the same way', async t => {
  const cache = new TokenCache(10)
  const signature = '.signature'.padEnd(342, '-')
  const alice = user()
  cache.set(`alice${signature}`, alice, key())
  t.equal(cache.get(`mallory${signature}`), undefined)
  t.equal(cache.get(`alice${signature}`), alice)
})

t.test('TokenCache remembers as many tokens as it was told, the youngest', async t => {
  const cache = new TokenCache(100)
  for (let index = 0; index < 1_000; index++) cache.set(`token-${index}`, user(), key())
  const remembered = Array.from({ length: 1_000 }, (_, index) => index).filter(index => cache.get(`token-${index}`))
  t.strictSame(remembered, Array.from({ length: 100 }, (_, index) => 900 + index))
  t.equal(cache.size, 100)
})

t.test('TokenCache remembers none where it was told so', async t => {
  const cache = new TokenCache(0)
  cache.set('alice', user(), key())
  t.equal(cache.get('alice'), undefined)
  t.equal(cache.size, 0)
})

t.test('TokenCache takes a token that is verified again in the place of what it was', async t => {
  const cache = new TokenCache(10)
  const [before, after] = [user(), user()]
  cache.set('alice', before, { ...key(), trustedUntil: 0 })
  t.equal(cache.get('alice'), undefined)
  cache.set('alice', after, key())
  t.equal(cache.get('alice'), after)
  t.equal(cache.size, 1)
})

t.test('TokenCache keeps a token that is asked for while others come and go', async t => {
  const cache = new TokenCache(10)
  cache.set('asked', user(), key())
  cache.set('forgotten', user(), key())
  for (let index = 0; index < 100; index++) {
    cache.set(`token-${index}`, user(), key())
    t.ok(cache.get('asked'), `after ${index} others`)
  }
  t.equal(cache.get('forgotten'), undefined)
})

t.test('TokenCache evicts the oldest tokens once all tokens are larger than its bound', async t => {
  const cache = new TokenCache(100, 10 * 3_000)
  const tokens = Array.from({ length: 20 }, (_, index) => `${index}`.padStart(1_000, '-'))
  for (const token of tokens) {
    cache.set(token, user(), key())
    cache.get(tokens[0] ?? '')
  }
  t.strictSame(tokens.filter(token => cache.get(token)), [tokens[0], ...tokens.slice(11)], 'the one in use stays')
  cache.set('x'.repeat(10_000), user(), key())
  t.equal(cache.size, 4, 'a token of 10,000 characters takes the place of seven')
  cache.set('x'.repeat(20_000), user(), key())
  t.equal(cache.size, 4, 'a token that is larger than the bound is not cached')
})

t.test('TokenCache counts a token that is verified again once', async t => {
  const cache = new TokenCache(100, 10 * 3_000)
  const tokens = Array.from({ length: 10 }, (_, index) => `${index}`.padStart(1_000, '-'))
  for (const token of [...tokens, ...tokens, ...tokens]) cache.set(token, user(), key())
  t.equal(cache.size, 10)
})

t.test('TokenCache gives no token whose time is up', async t => {
  const cache = new TokenCache(10)
  cache.set('past', user(Date.now() / 1000 - 1), key())
  cache.set('now', user(Date.now() / 1000), key())
  cache.set('soon', user(Date.now() / 1000 + 0.4), key())
  t.equal(cache.get('past'), undefined)
  t.equal(cache.get('now'), undefined)
  t.ok(cache.get('soon'))
  await setTimeout(450)
  t.equal(cache.get('soon'), undefined)
})

t.test('TokenCache gives no token whose key is trusted no more', async t => {
  const cache = new TokenCache(10)
  const [stays, goes] = [key(), key()]
  cache.set('stays', user(), stays)
  cache.set('goes', user(), goes)
  t.ok(cache.get('goes'))
  goes.trustedUntil = 0
  t.equal(cache.get('goes'), undefined)
  t.ok(cache.get('stays'))
  stays.trustedUntil = performance.now()
  t.equal(cache.get('stays'), undefined)
})

function user (expiresAt = Date.now() / 1000 + 60): VerifiedUser {
  const issuer = { name: 'issuer', userPoolId: 'eu-west-1_Test00001', original: 'issuer', jwksUri: 'https://example.com', optional: false }
  return verifiedUser({ iss: 'issuer', sub: 'subject', exp: expiresAt, token_use: 'id' }, issuer)
}

function key (): SigningKey {
  return { kid: 'key', pem: '', verify: () => ({}), trustedUntil: performance.now() + 60_000 }
}
