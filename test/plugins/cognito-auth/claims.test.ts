import t from 'tap'
import { checkClaims, checkMembership, isStorable, type TokenUse } from '../../../plugins/cognito-auth/claims.ts'

const now = 1_700_000_000_000
const rules = { clientIds: new Set(['client1', 'client2']), tokenUse: new Set<TokenUse>(['id', 'access']), audience: new Set(['articles']), groups: [], scope: [], graceMs: 0 }
const claims = { iss: 'issuer', sub: 'subject', exp: now / 1000 + 60, token_use: 'id', aud: 'client1' }

t.test('checkClaims gives the claims as they are', async t => {
  t.strictSame(checkClaims({ ...claims, 'custom:colour': 'red' }, rules, now), { ...claims, 'custom:colour': 'red' })
})

const good: Record<string, Record<string, unknown>> = {
  'another client': { aud: 'client2' },
  'an access token': { token_use: 'access', aud: undefined, client_id: 'client1' },
  // RFC 8707: an access token may name the resource that it is for.
  'an access token for a configured resource': { token_use: 'access', aud: 'articles', client_id: 'client1' },
  'an access token for two resources, one of them configured': { token_use: 'access', aud: ['orders', 'articles'], client_id: 'client1' },
  'an access token for a client': { token_use: 'access', aud: 'client2', client_id: 'client1' },
  'exp a millisecond ahead': { exp: now / 1000 + 0.001 },
  'exp at the end of time': { exp: 8.64e12 },
  'nbf of now': { nbf: now / 1000 },
  'nbf long ago': { nbf: -1 },
  'no iat': { iat: undefined },
  'sub of 255 characters': { sub: 's'.repeat(255) }
}

for (const [name, changes] of Object.entries(good)) {
  t.test(`checkClaims takes ${name}`, async t => {
    t.equal(checkClaims({ ...claims, ...changes }, rules, now).iss, 'issuer')
  })
}

const bad: Record<string, [reason: string, changes: Record<string, unknown>]> = {
  'exp of now': ['expired', { exp: now / 1000 }],
  'exp a millisecond ago': ['expired', { exp: now / 1000 - 0.001 }],
  'exp after the end of time': ['expiry', { exp: 8.64e12 + 1 }],
  'exp NaN': ['expiry', { exp: NaN }],
  'exp a big integer': ['expiry', { exp: BigInt(now) }],
  'exp from a prototype': ['expiry', Object.create({ exp: now })],
  'nbf a millisecond ahead': ['not_yet_valid', { nbf: now / 1000 + 0.001 }],
  'nbf NaN': ['not_yet_valid', { nbf: NaN }],
  'iss a number': ['issuer', { iss: 1 }],
  'a client that is an array of one': ['client', { aud: ['client1'] }],
  'an access token for another resource': ['audience', { token_use: 'access', aud: 'https://api.example.com', client_id: 'client1' }],
  'an access token whose aud is a number': ['audience', { token_use: 'access', aud: 1, client_id: 'client1' }],
  'an access token with aud alone': ['client', { token_use: 'access' }]
}

for (const [name, [reason, changes]] of Object.entries(bad)) {
  t.test(`checkClaims refuses ${name}`, async t => {
    const { exp, ...others } = claims
    t.throws(() => checkClaims(reason === 'expiry' ? { ...others, ...changes } : { ...claims, ...changes }, rules, now), { code: /^FST_COGNITO_/, reason })
  })
}

t.test('checkClaims says which kind of token is taken', async t => {
  const only = (use: TokenUse) => ({ ...rules, tokenUse: new Set([use]) })
  const access = { ...claims, token_use: 'access', client_id: 'client1' }
  t.equal(checkClaims(claims, only('id'), now).token_use, 'id')
  t.equal(checkClaims(access, only('access'), now).token_use, 'access')
  t.throws(() => checkClaims(claims, only('access'), now), { reason: 'token_use', message: 'An id token is not accepted here, access is.' })
  t.throws(() => checkClaims(access, only('id'), now), { reason: 'token_use', message: 'An access token is not accepted here, id is.' })
})

t.test('isStorable takes what every database keeps as it is', async t => {
  for (const text of ['', 'a', '𝒳'.repeat(127), '\u{10ffff}', '\x01', 'x'.repeat(255)]) t.ok(isStorable(text), JSON.stringify(text))
  for (const text of ['\0', 'a\0b', '\ud800', '\udc00a', 'x'.repeat(256)]) t.notOk(isStorable(text), JSON.stringify(text))
})

t.test('checkClaims accepts any client of the pool where clientIds is null', async t => {
  const any = { ...rules, clientIds: null }
  t.ok(checkClaims({ ...claims, aud: 'client9' }, any, now))
  t.ok(checkClaims({ ...claims, token_use: 'access', client_id: 'client9', aud: 'articles' }, any, now))
  t.throws(() => checkClaims({ ...claims, aud: undefined }, any, now), { code: /^FST_COGNITO_/, reason: 'client' })
  t.throws(() => checkClaims({ ...claims, token_use: 'access', client_id: 'client9', aud: 'orders' }, any, now), { code: /^FST_COGNITO_/, reason: 'audience' })
  t.ok(checkClaims({ ...claims, token_use: 'access', client_id: 'client9', aud: 'orders' }, { ...any, audience: new Set<string>() }, now))
})

t.test('checkClaims allows graceMs for exp and nbf', async t => {
  const grace = { ...rules, graceMs: 5_000 }
  t.ok(checkClaims({ ...claims, exp: now / 1000 - 4.999, nbf: now / 1000 + 5 }, grace, now))
  t.throws(() => checkClaims({ ...claims, exp: now / 1000 - 5 }, grace, now), { code: /^FST_COGNITO_/, reason: 'expired' })
  t.throws(() => checkClaims({ ...claims, nbf: now / 1000 + 5.001 }, grace, now), { code: /^FST_COGNITO_/, reason: 'not_yet_valid' })
})

t.test('checkMembership asks for one of the groups and one of the scopes', async t => {
  const both = { ...rules, groups: ['admin', 'authors'], scope: ['articles/read', 'articles/write'] }
  t.doesNotThrow(() => checkMembership(['authors'], ['articles/read'], both))
  t.doesNotThrow(() => checkMembership([], [], rules))
  t.throws(() => checkMembership(['readers'], ['articles/read'], both), { code: 'FST_COGNITO_MISSING_GROUP', statusCode: 403 })
  t.throws(() => checkMembership(['admin'], ['orders/read'], both), {
    code: 'FST_COGNITO_INSUFFICIENT_SCOPE',
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="articles/read articles/write"' }
  })
})
