import { createHash, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { bearer, startApp, startPool, type TestApp } from '../../support/app.ts'
import { encode, makeKey, publicJwk, sign, type TestKey, type UserPool } from '../../support/user-pool.ts'

const challenge = /^Bearer realm="articles", error="invalid_token", error_description="[\w ]+"$/

t.test('GET /me refuses tokens signed with a key that the set holds for something else', async t => {
  const strange = makeKey('strange')
  const jwks: Record<string, Record<string, unknown>> = {
    'use enc': { ...publicJwk(strange), use: 'enc' },
    'use empty': { ...publicJwk(strange), use: '' },
    'alg RS512': { ...publicJwk(strange), alg: 'RS512' },
    'alg RSA-OAEP': { ...publicJwk(strange), alg: 'RSA-OAEP' },
    'key_ops without verify': { ...publicJwk(strange), key_ops: ['encrypt'] },
    'another kty': { ...publicJwk(strange), kty: 'EC' },
    'kid a number': { ...publicJwk(strange), kid: 7 },
    'no kid': { ...publicJwk(strange), kid: undefined }
  }
  for (const [name, jwk] of Object.entries(jwks)) {
    await t.test(name, async t => {
      const testApp = await startApp(t, {}, await poolWith(t, jwk))
      await lets(t, testApp)
      await refuses(t, testApp, testApp.pool.idToken({}, strange))
      await refuses(t, testApp, testApp.pool.idToken({}, { ...strange, kid: '7' }))
    })
  }
})

t.test('GET /me takes a key that says nothing of its use', async t => {
  const plain = makeKey('plain')
  const testApp = await startApp(t, {}, await poolWith(t, { ...publicJwk(plain), use: undefined, alg: undefined, key_ops: ['verify'] }))
  await lets(t, testApp)
  await lets(t, testApp, plain)
})

t.test('GET /me refuses tokens signed with a key of 1,024 bits that is in the set', async t => {
  const weak = makeKey('weak', 1024)
  const testApp = await startApp(t, {}, await poolWith(t, publicJwk(weak)))
  await lets(t, testApp)
  await refuses(t, testApp, testApp.pool.idToken({}, weak))
})

t.test('GET /me refuses tokens signed with an elliptic key that is in the set', async t => {
  const elliptic = { kid: 'elliptic', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
  const testApp = await startApp(t, {}, await poolWith(t, { ...elliptic.publicKey.export({ format: 'jwk' }), kid: 'elliptic', use: 'sig' }))
  await lets(t, testApp)
  for (const alg of ['ES256', 'RS256']) {
    const input = `${encode({ alg, kid: 'elliptic' })}.${encode(testApp.pool.idClaims())}`
    const signature = signBytes('sha256', Buffer.from(input), { key: elliptic.privateKey, dsaEncoding: 'ieee-p1363' })
    await refuses(t, testApp, `${input}.${signature.toString('base64url')}`)
  }
})

t.test('GET /me refuses HS256 tokens whose secret is in the set', async t => {
  const testApp = await startApp(t, {}, await poolWith(t, { kty: 'oct', kid: 'secret', k: 'c2VjcmV0', alg: 'HS256', use: 'sig' }))
  await lets(t, testApp)
  await refuses(t, testApp, sign(testApp.pool.key.privateKey, { alg: 'RS256', kid: 'secret' }, testApp.pool.idClaims()))
})

t.test('GET /me lets tokens in whose key stands beside a broken one', async t => {
  const broken = makeKey('broken')
  const jwks: Record<string, Record<string, unknown>> = {
    'no modulus': { ...publicJwk(broken), n: undefined },
    'empty modulus': { ...publicJwk(broken), n: '' },
    'modulus not base64url': { ...publicJwk(broken), n: '\ud800' },
    'exponent zero': { ...publicJwk(broken), e: 'AA' },
    'exponent one': { ...publicJwk(broken), e: 'AQ' },
    'even exponent': { ...publicJwk(broken), e: 'BA' }
  }
  for (const [name, jwk] of Object.entries(jwks)) {
    await t.test(name, async t => {
      const testApp = await startApp(t, {}, await poolWith(t, jwk))
      await lets(t, testApp)
      await refuses(t, testApp, testApp.pool.idToken({}, broken))
    })
  }
})

t.test('GET /me refuses the signatures that anybody can make for a key whose exponent is one', async t => {
  const one = makeKey('one')
  const testApp = await startApp(t, {}, await poolWith(t, { ...publicJwk(one), e: 'AQ' }))
  await lets(t, testApp)
  const input = `${encode({ alg: 'RS256', kid: 'one' })}.${encode(testApp.pool.idClaims())}`
  await refuses(t, testApp, `${input}.${padded(createHash('sha256').update(input).digest()).toString('base64url')}`)
})

t.test('GET /me refuses a token of one pool that the key of another signed', async t => {
  const one = await startPool(t, { id: 'eu-west-1_One000001' })
  const other = await startPool(t, { id: 'eu-west-1_Other0001' })
  one.answer = (request, response) => (request.url?.startsWith(`/${other.id}/`) ? other : one).publish(request, response)
  const { app } = await startApp(t, {
    AWS_USER_POOLS_ID: `${one.id},${other.id}`,
    COGNITO_JWKS_URI: `${one.endpoint}/{pool}/.well-known/jwks.json`
  }, one)
  const issuer = `${one.endpoint}/${other.id}`
  const get = (token: string) => app.inject({ url: '/me', headers: bearer(token) })

  t.equal((await get(one.idToken())).statusCode, 200, 'a token of the one pool')
  t.equal((await get(other.idToken({ iss: issuer, sub: 'other', email: 'other@example.com', 'cognito:username': 'other' }))).statusCode, 200, 'a token of the other pool')
  for (const token of [
    one.idToken({ iss: issuer }),
    other.idToken({ iss: one.issuer }),
    one.idToken({ iss: issuer }, { ...one.key, kid: other.key.kid }),
    other.idToken({ iss: one.issuer }, { ...other.key, kid: one.key.kid })
  ]) {
    const response = await get(token)
    t.equal(response.statusCode, 401)
    t.equal(response.json().code, 'invalid_auth_token')
    t.match(response.headers['www-authenticate'], challenge)
  }
})

/** RFC 8017 9.2: what an RS256 signature by a key of 2,048 bits is, to the power of the exponent. */
function padded (hash: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), hash])
  return Buffer.concat([Buffer.of(0, 1), Buffer.alloc(256 - 3 - info.length, 255), Buffer.of(0), info])
}

/** A pool that publishes one more key beside its good one, and before it. */
async function poolWith (t: Test, jwk: Record<string, unknown>): Promise<UserPool> {
  const pool = await startPool(t)
  pool.answer = (_request, response) => { response.end(JSON.stringify({ keys: [jwk, publicJwk(pool.key)] })) }
  return pool
}

async function lets (t: Test, { app, pool }: TestApp, key?: TestKey): Promise<void> {
  const response = await app.inject({ url: '/me', headers: bearer(pool.idToken({}, key)) })
  t.equal(response.statusCode, 200, 'the good key is taken')
}

async function refuses (t: Test, { app }: TestApp, token: string): Promise<void> {
  const response = await app.inject({ url: '/me', headers: bearer(token) })
  t.equal(response.statusCode, 401)
  t.equal(response.json().code, 'invalid_auth_token')
  t.match(response.headers['www-authenticate'], challenge)
}
