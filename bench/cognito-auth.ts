// node bench/cognito-auth.ts: the package beside other ways to verify Cognito's tokens, in one interleaved
// run. It prints the microseconds for a token, as medians of the rounds, and the fetches during a flood of
// unknown key ids.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { CognitoJwtVerifier } from 'aws-jwt-verify'
import jwt from '@fastify/jwt'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import buildGetJwks from 'get-jwks'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import cognitoAuth from '../plugins/cognito-auth/index.ts'
import { makeKey, UserPool } from '../test/support/user-pool.ts'
import { median } from './median.ts'

const rounds = 7
const tokensPerRound = 400

/** Verifies a token. It rejects for an invalid token. */
type Verify = (token: string) => Promise<unknown>

interface Contender {
  pool: UserPool
  verify: Verify
  close: () => Promise<void>
}

const contenders: Record<string, (pool: UserPool) => Promise<Omit<Contender, 'pool'>>> = {
  'fastify-cognito-auth': async pool => {
    const app = Fastify()
    await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint })
    const { request, reply } = await openRequest(app)
    return { verify: token => app.authenticate(withToken(request, token), reply), close: () => app.close() }
  },
  // As the README of get-jwks shows it, with a check of the issuer added.
  '@fastify/jwt + get-jwks': async pool => {
    const app = Fastify()
    const getJwks = buildGetJwks()
    await app.register(jwt, {
      decode: { complete: true },
      secret: async (_request: FastifyRequest, token: jwt.TokenOrHeader) => {
        if (!('header' in token)) throw new Error('decode: { complete: true } gives the header')
        const { header: { kid = '', alg }, payload: { iss } } = token
        return getJwks.getPublicKey({ kid, domain: iss, alg })
      },
      verify: { allowedIss: pool.issuer, allowedAud: pool.clientId }
    })
    const { request } = await openRequest(app)
    return { verify: token => withToken(request, token).jwtVerify(), close: () => app.close() }
  },
  'aws-jwt-verify': async pool => {
    const verifier = CognitoJwtVerifier.create({ userPoolId: pool.id, clientId: pool.clientId, tokenUse: 'id' })
    verifier.cacheJwks({ keys: pool.keys.map(key => ({ ...key.publicKey.export({ format: 'jwk' }), kid: key.kid, alg: 'RS256', use: 'sig', kty: 'RSA' })) })
    return { verify: token => verifier.verify(token), close: async () => {} }
  },
  jose: async pool => {
    const keys = createRemoteJWKSet(new URL(`${pool.issuer}/.well-known/jwks.json`))
    return { verify: token => jwtVerify(token, keys, { issuer: pool.issuer, audience: pool.clientId, algorithms: ['RS256'] }), close: async () => {} }
  }
}

const running = new Map<string, Contender>()
for (const [name, start] of Object.entries(contenders)) {
  const pool = await UserPool.start()
  running.set(name, { pool, ...await start(pool) })
}

const times = new Map<string, number[]>()
const fetches = new Map<string, number>()
for (let round = 0; round <= rounds; round++) {
  for (const [name, { pool, verify }] of running) {
    const awsIssuer = `https://cognito-idp.eu-west-1.amazonaws.com/${pool.id}`
    // aws-jwt-verify accepts the issuers of AWS only.
    const claims = name === 'aws-jwt-verify' ? { iss: awsIssuer } : {}
    const forger = makeKey(pool.key.kid)
    const cached = pool.idToken(claims)
    const scenarios = {
      cached: Array.from({ length: tokensPerRound }, () => cached),
      new: Array.from({ length: tokensPerRound }, () => pool.idToken(claims)),
      forged: Array.from({ length: tokensPerRound }, () => pool.idToken(claims, forger))
    }
    await verify(cached)
    for (const [scenario, tokens] of Object.entries(scenarios)) {
      const micros = await measureUs(verify, tokens, scenario === 'forged')
      // The first round warms up.
      if (round > 0) times.set(`${scenario} ${name}`, [...times.get(`${scenario} ${name}`) ?? [], micros])
    }
  }
}

for (const [name, { pool, verify }] of running) {
  const before = pool.fetches.length
  const claims = name === 'aws-jwt-verify' ? { iss: `https://cognito-idp.eu-west-1.amazonaws.com/${pool.id}` } : {}
  const flood = Array.from({ length: 200 }, (_, index) => pool.idToken(claims, { ...pool.key, kid: `unknown-${index}` }))
  await Promise.allSettled(flood.map(token => verify(token)))
  fetches.set(name, pool.fetches.length - before)
}

console.log(`\nMicroseconds for a token on Node ${process.version}, medians of ${rounds} rounds of ${tokensPerRound}\n`)
console.log('| | cached | new | forged | fetches for 200 unknown kids |\n|---|---|---|---|---|')
for (const name of running.keys()) {
  const cells = ['cached', 'new', 'forged'].map(scenario => median(times.get(`${scenario} ${name}`) ?? []).toFixed(1))
  console.log(`| ${name} | ${cells.join(' | ')} | ${name === 'aws-jwt-verify' ? 'not measured: AWS only' : fetches.get(name)} |`)
}
for (const { pool, close } of running.values()) {
  await close()
  await pool.close()
}

/** The mean microseconds for a token, each in its own turn of the event loop, as requests arrive. */
async function measureUs (verify: Verify, tokens: string[], isForged: boolean): Promise<number> {
  let ms = 0
  for (const token of tokens) {
    await nextTurn()
    const startedAt = performance.now()
    const accepted = await verify(token).then(() => true, () => false)
    ms += performance.now() - startedAt
    if (accepted === isForged) throw new Error(isForged ? 'a forged token was accepted' : 'a valid token was rejected')
  }
  return ms * 1000 / tokens.length
}

/** A request and its reply, for the verification of tokens. */
async function openRequest (app: FastifyInstance): Promise<{ request: FastifyRequest, reply: FastifyReply }> {
  return await new Promise(resolve => {
    app.get('/', async (request, reply) => { resolve({ request, reply }) })
    app.inject('/').catch(() => {})
  })
}

/** The request before any hook ran, with another token. */
function withToken (request: FastifyRequest, token: string): FastifyRequest {
  const authorization = `Bearer ${token}`
  return Object.create(request, { headers: { value: { authorization } }, raw: { value: { rawHeaders: ['Authorization', authorization] } } })
}
