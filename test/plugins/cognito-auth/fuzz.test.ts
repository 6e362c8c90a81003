import fc from 'fast-check'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import cognitoAuth from '../../../plugins/cognito-auth/index.ts'
import { startPool } from '../../support/app.ts'
import { encode, makeKey, sign, type UserPool } from '../../support/user-pool.ts'

// A failure prints the seed and the path to it: put them here, and it is the first to run.
const seed = 20261123

t.test('GET / refuses every mutation of a good token', async t => {
  const { app, pool } = await startService(t)
  const good = pool.idToken()
  const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ,"{}')
  const place = fc.nat(good.length)
  const mutation = fc.oneof(
    fc.record({ at: place, length: fc.nat(3), text: fc.string({ unit: character, maxLength: 4 }) }).map(({ at, length, text }) => good.slice(0, at) + text + good.slice(at + length)),
    fc.record({ from: place, to: place }).map(({ from, to }) => good.slice(Math.min(from, to), Math.max(from, to))),
    fc.record({ from: place, to: place, at: place }).map(({ from, to, at }) => good.slice(0, at) + good.slice(from, to) + good.slice(at)),
    fc.shuffledSubarray(good.split('.'), { minLength: 1 }).map(segments => segments.join('.'))
  )
  await fc.assert(fc.asyncProperty(mutation.filter(token => token !== good), async token => refuses(app, token)), { seed, numRuns: 2_000 })
  t.equal((await get(app, good)).statusCode, 200)
})

t.test('GET / refuses every text that is no token', async t => {
  const { app } = await startService(t)
  const segment = fc.oneof(fc.json().map(encode), fc.base64String(), fc.string({ unit: 'binary-ascii' }).map(text => text.replace(/\p{Cc}/gu, '')))
  const text = fc.array(segment, { maxLength: 6 }).map(segments => segments.join('.'))
  await fc.assert(fc.asyncProperty(text, async text => refuses(app, text)), { seed, numRuns: 1_000 })
})

t.test("GET / refuses every header and payload that another's key signed", async t => {
  const { app, pool } = await startService(t)
  const forger = makeKey()
  const header = fc.record({ alg: fc.constantFrom('RS256', 'none', 'HS256'), kid: fc.oneof(fc.constant(pool.key.kid), fc.string()) }, { requiredKeys: [] })
  const extra = fc.dictionary(fc.oneof(fc.constantFrom('jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'typ', 'cty', 'zip', 'enc', '__proto__'), fc.string()), fc.jsonValue(), { maxKeys: 3 })
  const token = fc.record({ header, extra, claims: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }) })
    .map(({ header, extra, claims }) => sign(forger.privateKey, { ...extra, ...header }, { ...pool.idClaims(), ...claims }))
  await fc.assert(fc.asyncProperty(token, async token => refuses(app, token)), { seed, numRuns: 500 })
})

t.test('GET / refuses every token of the pool in which one thing that has one good value has another', async t => {
  const { app, pool } = await startService(t)
  const claims = fc.constantFrom('iss', 'aud', 'token_use').map(name => ({ part: 'claims', name }))
  const header = fc.constantFrom('alg', 'kid').map(name => ({ part: 'header', name }))
  const change = fc.record({ where: fc.oneof(claims, header), value: fc.oneof(fc.jsonValue(), fc.string(), fc.constant(undefined)) })
    .map(({ where: { part, name }, value }) => part === 'header'
      ? sign(pool.key.privateKey, pool.header({ [name]: value }), pool.idClaims())
      : sign(pool.key.privateKey, pool.header(), pool.idClaims({ [name]: value })))
  await fc.assert(fc.asyncProperty(change, async token => refuses(app, token)), { seed, numRuns: 1_000 })
})

t.test('GET / takes a token of the pool by its exp, nbf and sub alone, whatever else it says', async t => {
  const { app, pool } = await startService(t)
  const extra = fc.dictionary(fc.oneof(fc.constantFrom('cognito:groups', 'cognito:username', 'email', 'auth_time', 'iat', 'scope', 'jti', '__proto__'), fc.string({ minLength: 10 })), fc.jsonValue(), { maxKeys: 4 })
  const time = fc.oneof(fc.jsonValue(), fc.double(), fc.integer({ min: -1e9, max: 4e9 }), fc.constant(undefined))
  const sub = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }))
  await fc.assert(fc.asyncProperty(extra, time, time, sub, async (extra, exp, nbf, sub) => {
    const token = sign(pool.key.privateKey, pool.header(), { ...pool.idClaims(), ...extra, exp, nbf, sub })
    // JSON turns -0 into 0, and NaN into null.
    const said = JSON.parse(JSON.stringify({ exp, nbf, sub }))
    const now = Date.now() / 1000
    const good = typeof said.exp === 'number' && said.exp > now && said.exp <= 8.64e12 &&
      (said.nbf === undefined || (typeof said.nbf === 'number' && said.nbf <= now)) &&
      typeof said.sub === 'string' && said.sub !== '' && said.sub.length <= 255 && said.sub.isWellFormed() && !said.sub.includes('\0')
    if (!good) return refuses(app, token)
    const { statusCode } = await get(app, token)
    if (statusCode !== 200) throw new Error(`${statusCode} for a good token`)
  }), { seed, numRuns: 1_000 })
})

/** The plugin in a server without anything else. */
async function startService (t: Test): Promise<{ app: FastifyInstance, pool: UserPool }> {
  const pool = await startPool(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint })
  app.get('/', { onRequest: app.authenticate }, async request => request.user)
  await app.ready()
  return { app, pool }
}

function get (app: FastifyInstance, token: string): Promise<LightMyRequestResponse> {
  return app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
}

async function refuses (app: FastifyInstance, token: string): Promise<void> {
  const response = await get(app, token)
  const { code } = response.json()
  if (response.statusCode !== 401 || !/^FST_COGNITO_(NO|INVALID|EXPIRED)_TOKEN$/.test(code)) throw new Error(`${response.statusCode} ${code}`)
  if (!/^Bearer realm="api"(, error="invalid_token", error_description="[\w ':.-]+")?$/.test(`${response.headers['www-authenticate']}`)) throw new Error('not a challenge')
}
