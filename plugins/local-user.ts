import type { FastifyPluginAsync, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { tokenActor } from '../src/audit/actor.ts'
import { isMachineClient } from '../src/cognito/machine-client.ts'
import type { Config } from '../src/config.ts'
import type { Database } from '../src/database/tables.ts'
import { inTransaction } from '../src/database/transaction.ts'
import { Problem } from '../src/problems/catalogue.ts'
import { readToken } from '../src/users/cognito-user.ts'
import { followCognito, isNews } from '../src/users/follow-cognito.ts'
import { updateAuthTime } from '../src/users/identity-queries.ts'
import { loadInTransaction, LocalUserLoader, type LoadedUser } from '../src/users/local-user-loader.ts'
import { findUnboundUser, provisionUser, rejectDisabled } from '../src/users/provision-user.ts'
import { lockUser, type User } from '../src/users/queries.ts'
import { isNewSignIn, rejectSignedOut } from '../src/users/sign-out.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Hooks for a scope whose routes need a user: the token verifies, the rate limit holds, and the local
     * user is enabled.
     */
    requireUser: onRequestAsyncHookHandler[]
    /**
     * Hooks for a scope whose routes need a member of the admin group. The local user is optional, and must
     * not be disabled.
     */
    requireAdmin: onRequestAsyncHookHandler[]
    /**
     * Does the work in one transaction, in which the guard's decision about the local user is first repeated.
     */
    writeAs<Result> (request: FastifyRequest, work: (transaction: Database) => Promise<Result>): Promise<Result>
  }
  interface FastifyRequest {
    [localUser]: User | null
    [admission]: Admission | null
    /** The local user. Reading it where no guard has run is a mistake in the code, and throws. */
    readonly localUser: User
  }
}

type LocalUserOptions = Pick<Config, 'adminGroup' | 'provisioning' | 'tokenUse' | 'usernameClaim' | 'resourceServer'>

const localUser = Symbol('local user')
const admission = Symbol('admission')

/** The decision of a guard about a request. */
interface Admission {
  as: 'user' | 'administrator'
  /** The local user; an administrator may have none. */
  user: User | undefined
  /** Whether the whole request had arrived, so that the decision needs no repetition. */
  complete: boolean
}

/**
 * Decorates requests with the local user that the verified one is bound to.
 *
 * A guard decides when the headers arrive, and a client can send the body up to 30 s later. So the decision
 * is repeated before the handler of every writing route. It stands where the body had arrived by then, or the
 * database has not changed.
 */
const localUsers: FastifyPluginAsync<LocalUserOptions> = async (fastify, options) => {
  const { adminGroup, usernameClaim, resourceServer } = options
  const loader = new LocalUserLoader(fastify.database)
  const requireRead = fastify.requireScope(`${resourceServer}/read`)
  const requireWrite = fastify.requireScope(`${resourceServer}/write`)

  fastify.decorateRequest(localUser, null)
  fastify.decorateRequest(admission, null)
  fastify.decorateRequest('localUser', {
    getter (this: FastifyRequest) {
      if (this[localUser] === null) throw new Error('request.localUser was read where no guard has run')
      return this[localUser]
    }
  })

  const verify = [fastify.authenticate, fastify.limitUser, requireClientScope]
  fastify.decorate('requireUser', [...verify, loadLocalUser])
  fastify.decorate('requireAdmin', [...verify, fastify.requireGroup(adminGroup), rejectDisabledAdmin])

  // A machine client acts for nobody, so its scopes say what it may do. The token of a person needs none.
  async function requireClientScope (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!isMachineClient(request.user)) return
    await (isSafe(request) ? requireRead(request, reply) : requireWrite(request, reply))
  }

  async function loadLocalUser (request: FastifyRequest): Promise<void> {
    const { user: verified, dataVersion } = request
    const found = judge(await loader.load(verified, dataVersion), request)
    const user = await storeNews(request, found ?? await provisionUser(fastify.db, verified, describe(request), options))
    rejectDisabled(user)
    request[localUser] = user
    admit(request, 'user', user)
  }

  async function rejectDisabledAdmin (request: FastifyRequest): Promise<void> {
    const { user: verified, dataVersion } = request
    const user = judge(await loader.load(verified, dataVersion), request)
    rejectDisabled(user ?? await findUnboundUser(fastify.db, describe(request)))
    admit(request, 'administrator', user && await storeNews(request, user))
  }

  fastify.decorate('writeAs', (request, work) => inTransaction(fastify.db, async transaction => {
    const user = request[admission]?.user ?? await findUnboundUser(transaction, describe(request))
    if (user !== undefined) await lockUser(transaction, user.id)
    await repeatDecision(request, transaction, await loadInTransaction(transaction, request.user))
    return work(transaction)
  }))

  fastify.addHook('preHandler', (request, _reply, done) => {
    const decided = request[admission]
    if (decided === null || decided.complete || isSafe(request)) return done()
    // The guard decided at the request's data version. This is the one now, when the body has arrived.
    const dataVersion = fastify.database.dataVersion()
    if (dataVersion !== undefined && dataVersion === request.dataVersion) return done()
    loader.load(request.user, dataVersion)
      .then(loaded => repeatDecision(request, fastify.db, loaded))
      .then(() => done(), done)
  })

  function describe (request: FastifyRequest) {
    return readToken(request.user, usernameClaim)
  }

  /** @throws {Problem} `invalid_auth_token`, `no_such_user`, `user_disabled` */
  async function repeatDecision (request: FastifyRequest, db: Database, loaded: LoadedUser): Promise<void> {
    const user = judge(loaded, request)
    if (request[admission]?.as === 'administrator') return rejectDisabled(user ?? await findUnboundUser(db, describe(request)))
    if (user === undefined || user.id !== request.localUser.id) {
      throw new Problem('no_such_user', 'This user was removed, or bound to another identity, during the request.')
    }
    rejectDisabled(user)
    request[localUser] = user
  }

  // A failure to store rejects no request, which may only read. A disabled user is not followed.
  async function storeNews (request: FastifyRequest, user: User): Promise<User> {
    const { user: verified, log } = request
    if (user.disabled) return user
    try {
      if (verified.authTime !== null && isNewSignIn(verified.authTime, user)) await updateAuthTime(fastify.db, user.id, verified.authTime)
    } catch (error) {
      log.warn({ err: error }, 'the time of a sign-in was not stored')
    }
    try {
      const cognitoUser = describe(request)
      if (!isNews(user, cognitoUser)) return user
      return await followCognito(fastify.db, user, cognitoUser, tokenActor(verified)) ?? user
    } catch (error) {
      log.warn({ err: error }, 'a change of a user in Cognito was not stored')
      return user
    }
  }
}

function isSafe ({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function admit (request: FastifyRequest, as: Admission['as'], user: User | undefined): void {
  request[admission] = { as, user, complete: request.raw.complete }
}

/** @throws {Problem} `invalid_auth_token` where the session was signed out */
function judge ({ user, signOut }: LoadedUser, { user: verified }: FastifyRequest): User | undefined {
  rejectSignedOut(signOut, verified)
  return user
}

export default fp(localUsers, { name: 'local-user', dependencies: ['authentication', 'database', 'rate-limit'] })
