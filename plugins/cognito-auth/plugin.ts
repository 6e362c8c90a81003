import jwt from '@fastify/jwt'
// For its types, which the line above does not carry into the declarations.
import '@fastify/jwt'
import type { FastifyBaseLogger, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readBearer } from './bearer.ts'
import { authenticationProblem, defaultRealm, noToken } from './challenge.ts'
import { checkClaims, type TokenUse } from './claims.ts'
import { fetchKeySet } from './keys/fetch-key-set.ts'
import { listIssuers } from './issuers.ts'
import type { SigningKey } from './keys/key-set.ts'
import { KeyStore, type KeyStoreEvent } from './keys/key-store.ts'
import { TokenRefusal } from './refusal.ts'
import { TokenCache } from './token-cache.ts'
import { readToken } from './token.ts'
import { VerificationLine } from './verification-queue.ts'
import { verifiedUser, type VerifiedUser } from './verified-user.ts'
import { Problem } from '../../src/problems/catalogue.ts'
import { withoutStacks } from '../../src/problems/stackless-error.ts'

export type { VerifiedUser }

declare module '@fastify/jwt' {
  interface FastifyJWT {
    /** The verified user. Reading it where no guard ran is a mistake in the code, and throws. */
    user: VerifiedUser
  }
  interface JwtVerifyFunction {
    /** With the options of the registration, whose verifiers are kept. */
    (options: undefined, callback: (error: Error | null, claims: Record<string, unknown> | undefined) => void): void
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    keyStore: KeyStore
    /** An `onRequest` or `preHandler` hook: a verified user, or 401. */
    authenticate: Guard
    /** A hook: a verified user who is a member of the Cognito group, or 403. */
    requireGroup (group: string): Guard
    /** A hook: an access token with the scope, or 403. */
    requireScope (scope: string): Guard
    /** Whether the token of a request, if it has one, is `known`: one that verified before, and still holds. Told without any cost. */
    tokenState (request: FastifyRequest): 'none' | 'new' | 'known'
    tokenStatistics (): TokenStatistics
  }
  interface FastifyRequest {
    [presented]: Presented | null
    [attempt]: { token: string, key: SigningKey } | null
    [identity]: VerifiedUser | null
    /** Whether a guard has let the request in, so that it has a `user`. */
    readonly isAuthenticated: boolean
    verifiedClaims: unknown
  }
}

/** Tokens that a guard found among those that verified before, tokens it did not, how many are remembered, and how many wait to be verified. */
export interface TokenStatistics {
  hits: number
  misses: number
  size: number
  /** `wait`: for how long the first has, in milliseconds. */
  line: { waiting: number, wait: number }
}

/** The token of a request, and whose it is where it verified before. */
interface Presented { token: string | undefined, user: VerifiedUser | undefined }

type KeyCallback = (error: Error | null, key: string | undefined) => void

export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface CognitoAuthOptions {
  /** User pool ids, such as `eu-west-1_AbC123xyz`. */
  userPoolIds: string[]
  /** The app clients whose tokens are accepted. */
  clientIds: string[]
  /** The kinds of token accepted; both by default. */
  tokenUse?: TokenUse[]
  /** Another Cognito endpoint, such as an emulator's; the issuer becomes `<endpoint>/<pool id>`. */
  endpoint?: string | undefined
  /** Where keys are fetched when that is not the issuer's own address; `{pool}` stands for the pool id. */
  jwksUri?: string | undefined
  /** How long keys are used before they are fetched again, in seconds; 3600 by default. */
  jwksMaxAge?: number
  /** How many verified tokens are remembered; 6,000 by default. */
  tokenCacheSize?: number
  /** The realm of the `WWW-Authenticate` challenge; `articles` by default. */
  realm?: string
  /** Whether keys whose private half is published (cognito-local's) are taken; only outside production by default. */
  allowDevelopmentKeys?: boolean
}

const presented = Symbol('presented token')
const attempt = Symbol('token and key under verification')
const identity = Symbol('verified user')

/** Decorates requests with the user that a verified Cognito token names. */
export const cognitoAuth: FastifyPluginAsync<CognitoAuthOptions> = async (fastify, options) => {
  const realm = options.realm ?? defaultRealm
  const rules = { clientIds: new Set(options.clientIds), tokenUse: new Set<TokenUse>(options.tokenUse ?? ['id', 'access']) }
  const tokens = new TokenCache(options.tokenCacheSize ?? 6_000)
  const line = new VerificationLine()
  let hits = 0
  let misses = 0
  const issuers = new Map(listIssuers(options).map(issuer => [issuer.name, issuer]))
  const keyStore = new KeyStore({
    issuers: [...issuers.values()],
    fetch: fetchKeySet,
    maxAge: options.jwksMaxAge ?? 3600,
    allowDevelopmentKeys: options.allowDevelopmentKeys ?? process.env.NODE_ENV !== 'production',
    onEvent: event => logKeyStoreEvent(fastify.log, event)
  })

  await fastify.register(jwt, {
    // Always the PEM of one key: @fastify/jwt then builds that key's verifier once.
    secret: { public: (request: FastifyRequest, _token: unknown, done: KeyCallback) => done(null, request[attempt]?.key.pem) },
    decoratorName: 'verifiedClaims',
    verify: {
      algorithms: ['RS256'],
      extractToken: request => request[attempt]?.token,
      // Claims are judged in claims.ts: fast-jwt lets exp: 1e308, and claims that are absent, pass.
      ignoreExpiration: true,
      ignoreNotBefore: true
    }
  })

  fastify.decorateRequest(presented, null)
  fastify.decorateRequest(attempt, null)
  fastify.decorateRequest(identity, null)
  fastify.decorateRequest('user', {
    getter (this: FastifyRequest) {
      if (this[identity] === null) throw new Error('request.user was read where no guard has run')
      return this[identity]
    }
  })
  fastify.decorateRequest('isAuthenticated', {
    getter (this: FastifyRequest) {
      return this[identity] !== null
    }
  })
  fastify.decorate('keyStore', keyStore)
  fastify.decorate('authenticate', authenticate)
  fastify.decorate('requireGroup', group => async (request, reply) => {
    await authenticate(request, reply)
    if (!request.user.groups.includes(group)) throw new Problem('forbidden', `This needs membership of the group ${group}.`)
  })
  fastify.decorate('requireScope', scope => async (request, reply) => {
    await authenticate(request, reply)
    if (request.user.scopes.includes(scope)) return
    throw new Problem('forbidden', `This needs an access token with the scope ${scope}.`, {
      headers: { 'www-authenticate': `Bearer realm="${realm}", error="insufficient_scope", scope="${scope}"` }
    })
  })
  fastify.decorate('tokenState', request => {
    try {
      const { token, user } = present(request)
      if (user !== undefined) return 'known'
      return token === undefined ? 'none' : 'new'
    } catch {
      return 'none'
    }
  })
  fastify.decorate('tokenStatistics', () => ({ hits, misses, size: tokens.size, line: line.length }))
  fastify.addHook('onReady', async () => keyStore.start())
  fastify.addHook('onClose', async () => keyStore.close())

  async function authenticate (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (request[identity] !== null) return
    try {
      const { token, user } = present(request)
      if (token === undefined) throw noToken(realm)
      if (user === undefined) misses++
      else hits++
      request[identity] = user ?? await verify(request, token)
    } catch (error) {
      const problem = authenticationProblem(error, realm)
      reply.headers(problem.headers)
      throw problem
    }
  }

  // Read once: what asks first, the limits or a guard, reads it for both.
  function present (request: FastifyRequest): Presented {
    const known = request[presented]
    if (known !== null) return known
    const token = readBearer(request.raw.rawHeaders)
    const read = { token, user: token === undefined ? undefined : tokens.get(token) }
    request[presented] = read
    return read
  }

  async function verify (request: FastifyRequest, token: string): Promise<VerifiedUser> {
    const { kid, issuer } = readToken(token)
    const trusted = issuers.get(issuer)
    if (trusted === undefined) throw new TokenRefusal('issuer', 'The token is from another issuer')
    const key = await keyStore.find(issuer, kid)
    request[attempt] = { token, key }
    return line.verify(() => {
      // Verified meanwhile for another request, maybe.
      const known = tokens.get(token)
      if (known !== undefined) return known
      const claims = checkClaims(verifySignature(request), rules, Date.now())
      const user = verifiedUser(claims, trusted)
      tokens.set(token, user, key)
      return user
    })
  }
}

// With the key in hand @fastify/jwt calls back at once; its promise would cost as much again as the refusal.
function verifySignature (request: FastifyRequest): Record<string, unknown> {
  let claims: Record<string, unknown> | undefined
  let cause: unknown
  withoutStacks(() => request.jwtVerify(undefined, (error, verified) => {
    cause = error
    claims = verified
  }))
  if (claims === undefined) throw new TokenRefusal('signature', 'The signature does not verify', { cause })
  return claims
}

function logKeyStoreEvent (log: FastifyBaseLogger, event: KeyStoreEvent): void {
  const { issuer } = event
  switch (event.type) {
    case 'fetched': return log.debug({ issuer, kids: event.kids }, 'signing keys fetched')
    case 'restored': return log.warn({ issuer, kids: event.kids, fetchedAt: event.fetchedAt }, 'signing keys taken from storage')
    case 'storage-failed': return log.error({ issuer, err: event.error }, 'signing keys could not be stored')
    case 'fetch-failed': return log[event.optional ? 'debug' : 'warn']({ issuer, keysInHand: event.keysInHand, err: event.error }, 'signing keys could not be fetched')
  }
}

export default fp(cognitoAuth, { name: 'cognito-auth', fastify: '5.x' })
