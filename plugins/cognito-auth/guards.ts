import type { FastifyReply, FastifyRequest } from 'fastify'
import { readBearerToken } from './bearer-token.ts'
import { addRealm, insufficientScope, isCognitoAuthError, missingGroup, missingToken } from './errors.ts'
import type { CognitoAuthOptions } from './options.ts'
import type { Settings } from './settings.ts'
import type { TokenStatistics, TokenVerifier } from './token-verifier.ts'
import type { VerifiedUser } from './verified-user.ts'

/** An `onRequest` or `preHandler` hook, for HTTP and WebSocket routes. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface Guards {
  /** A hook: a verified user, or 401. */
  authenticate: Guard
  /**
   * A hook: a verified user where the request has a token, and no user where it has none. A bad token is
   * still 401.
   */
  authenticateOptional: Guard
  /** A hook: a verified user who is a member of at least one of the Cognito groups, or 403. */
  requireGroup: (...groups: [string, ...string[]]) => Guard
  /** A hook: an access token that has all of the scopes, or 403 with the challenge of RFC 6750 3. */
  requireScope: (...scopes: [string, ...string[]]) => Guard
  /**
   * Verifies a token that is not a request's, such as one in a message.
   * @throws {CognitoAuthError} as a rejection
   */
  verifyToken: (token: string) => Promise<VerifiedUser>
}

export interface RequestTokens {
  /**
   * The verified user of a request; `null` where no guard has run or the request has no token. Never throws.
   */
  findUser: (request: FastifyRequest) => VerifiedUser | null
  /** Whether the token of a request is `known`: verified before and still good. Costs a cache look-up. */
  tokenState: (request: FastifyRequest) => 'none' | 'new' | 'known'
  tokenStatistics: () => TokenStatistics
}

/** The token of a request, its cached user, and the user that a guard has verified. */
interface RequestState {
  token: string | undefined
  cached: VerifiedUser | undefined
  user: VerifiedUser | null
}

/** The guards of one registration. `slot` is the request decorator that holds their state. */
export function buildGuards (verifier: TokenVerifier, { realm }: Settings, getToken: CognitoAuthOptions['getToken'], slot: symbol): Guards & RequestTokens {
  const howToSend = getToken === undefined ? 'Send an Authorization header: Bearer, a space, and an id or access token' : 'The request has no token'
  let hits = 0
  let misses = 0

  // The token is read once: a rate limit may ask for it before the guard does.
  function stateOf (request: FastifyRequest): RequestState {
    const known = request.getDecorator<RequestState | null>(slot)
    if (known !== null) return known
    const token = getToken === undefined ? readBearerToken(request.raw.rawHeaders) : getToken(request) || undefined
    const state = { token, cached: token === undefined ? undefined : verifier.findCached(token), user: null }
    request.setDecorator(slot, state)
    return state
  }

  async function authenticateIf (request: FastifyRequest, reply: FastifyReply, isOptional: boolean): Promise<VerifiedUser | null> {
    try {
      const state = stateOf(request)
      if (state.user !== null) return state.user
      if (state.token === undefined) {
        if (isOptional) return null
        throw missingToken(howToSend)
      }
      if (state.cached === undefined) misses++
      else hits++
      state.user = state.cached ?? await verifier.verify(state.token)
      return state.user
    } catch (error) {
      throw refuse(error, reply)
    }
  }

  // The headers are set here too, for an error handler that knows nothing of `error.headers`.
  function refuse (error: unknown, reply: FastifyReply): unknown {
    if (!isCognitoAuthError(error)) return error
    addRealm(error, realm)
    reply.headers(error.headers)
    return error
  }

  return {
    async authenticate (request, reply) {
      await authenticateIf(request, reply, false)
    },
    async authenticateOptional (request, reply) {
      await authenticateIf(request, reply, true)
    },
    requireGroup: (...groups) => {
      checkWanted('requireGroup', groups)
      return async function requireGroup (request, reply) {
        const user = await authenticateIf(request, reply, false)
        if (!groups.some(group => user?.groups.includes(group))) throw refuse(missingGroup(groups), reply)
      }
    },
    requireScope: (...scopes) => {
      checkWanted('requireScope', scopes)
      const wanted = scopes.length === 1 ? `the scope ${scopes[0]}` : `the scopes ${scopes.join(', ')}`
      return async function requireScope (request, reply) {
        const user = await authenticateIf(request, reply, false)
        if (scopes.every(scope => user?.scopes.includes(scope))) return
        throw refuse(insufficientScope(scopes, `This needs an access token with ${wanted}`), reply)
      }
    },
    async verifyToken (token) {
      try {
        return verifier.findCached(token) ?? await verifier.verify(token)
      } catch (error) {
        if (isCognitoAuthError(error)) addRealm(error, realm)
        throw error
      }
    },
    findUser: request => request.getDecorator<RequestState | null>(slot)?.user ?? null,
    tokenState (request) {
      try {
        const { token, cached } = stateOf(request)
        if (cached !== undefined) return 'known'
        return token === undefined ? 'none' : 'new'
      } catch {
        return 'none'
      }
    },
    tokenStatistics: () => ({ hits, misses, ...verifier.statistics })
  }
}

// An empty list would let everybody in, or nobody.
function checkWanted (guard: string, names: readonly unknown[]): void {
  const isGood = names.length > 0 && names.every(name => typeof name === 'string' && name !== '')
  if (!isGood) throw new TypeError(`${guard} takes one or more names`)
}
