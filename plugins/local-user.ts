import type { FastifyPluginAsync, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { identityKey, type VerifiedUser } from './cognito-auth/verified-user.ts'
import type { Provisioning } from '../src/config.ts'
import { BatchLoader } from '../src/database/batch-loader.ts'
import type { Database } from '../src/database/tables.ts'
import { inTransaction } from '../src/database/transaction.ts'
import { VersionedCache } from '../src/database/versioned-cache.ts'
import { Problem } from '../src/problems/catalogue.ts'
import { findSignOut, type SignOut } from '../src/users/sign-out-queries.ts'
import { isNewSignIn, refuseSignedOut } from '../src/users/sign-out.ts'
import { bindAccount, findUnboundUser, refuseDisabled } from '../src/users/provision-user.ts'
import { findUsersWithSignOuts, lockUser, updateAuthTime, type User, type UserWithSignOut } from '../src/users/queries.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Hooks for a scope whose routes need a user: the token verifies, the rate limit holds, and the local user is enabled. */
    requireUser: onRequestAsyncHookHandler[]
    /** Hooks for a scope whose routes need a member of the admin group. The local user is optional, and must not be disabled. */
    requireAdmin: onRequestAsyncHookHandler[]
    /** Does the work in one transaction, in which the guard's decision about the account is first made again. */
    writeAs<Result> (request: FastifyRequest, work: (transaction: Database) => Promise<Result>): Promise<Result>
  }
  interface FastifyRequest {
    [localUser]: User | null
    [admitted]: Admitted | null
    /** The local user. Reading it where `loadLocalUser` did not run is a mistake in the code, and throws. */
    readonly localUser: User
  }
}

interface LocalUserOptions {
  adminGroup: string
  provisioning: Provisioning
}

const localUser = Symbol('local user')
const admitted = Symbol('what a guard decided')
/** 10,000 users with ordinary names fit; a token may hold a much longer one. */
const maxCacheBytes = 8 * 2 ** 20

interface Known {
  signOut: SignOut | undefined
  user: User | undefined
}

interface Admitted {
  as: 'user' | 'administrator'
  /** The local user that was let in; an administrator may have none. */
  user: User | undefined
  /** Whether the whole request had arrived: nothing can be held back after that. */
  complete: boolean
}

/**
 * Decorates requests with the local user that the verified one is bound to, as the database has it at that moment.
 *
 * A guard decides when the headers arrive, and a client can send the body up to 30 s later. So the decision is made again
 * before the handler of every writing route. It stands where the body had arrived by then, or the database is the same.
 */
const localUsers: FastifyPluginAsync<LocalUserOptions> = async (fastify, { adminGroup, provisioning }) => {
  fastify.decorateRequest(localUser, null)
  fastify.decorateRequest(admitted, null)
  fastify.decorateRequest('localUser', {
    getter (this: FastifyRequest) {
      if (this[localUser] === null) throw new Error('request.localUser was read where loadLocalUser has not run')
      return this[localUser]
    }
  })

  fastify.decorate('requireUser', [fastify.authenticate, fastify.limitUser, loadLocalUser])
  fastify.decorate('requireAdmin', [fastify.authenticate, fastify.limitUser, fastify.requireGroup(adminGroup), rejectDisabledAdmin])

  async function loadLocalUser (request: FastifyRequest): Promise<void> {
    const { user: verified, dataVersion } = request
    const user = judge(await findKnown(verified, dataVersion), verified) ?? await bindAccount(fastify.db, verified, provisioning)
    refuseDisabled(user)
    await noteSignIn(request, user)
    request[localUser] = user
    admit(request, 'user', user)
  }

  async function rejectDisabledAdmin (request: FastifyRequest): Promise<void> {
    const { user: verified, dataVersion } = request
    const user = judge(await findKnown(verified, dataVersion), verified)
    refuseDisabled(user ?? await findUnboundUser(fastify.db, verified))
    if (user !== undefined) await noteSignIn(request, user)
    admit(request, 'administrator', user)
  }

  fastify.decorate('writeAs', (request, work) => inTransaction(fastify.db, async transaction => {
    const user = request[admitted]?.user ?? await findUnboundUser(transaction, request.user)
    if (user !== undefined) await lockUser(transaction, user.id)
    await decideAgain(request, transaction, await readFrom(transaction, request.user))
    return work(transaction)
  }))

  fastify.addHook('preHandler', (request, _reply, done) => {
    const decided = request[admitted]
    if (decided === null || decided.complete || isSafe(request)) return done()
    const { user: verified } = request
    // The guard decided at the request's data version. This is the one now, when the body has arrived.
    const dataVersion = fastify.database.dataVersion()
    if (dataVersion !== undefined && dataVersion === request.dataVersion) return done()
    findKnown(verified, dataVersion).then(known => decideAgain(request, fastify.db, known)).then(() => done(), done)
  })

  const known = new VersionedCache<Known>(fastify.database, maxCacheBytes, sizeOf)
  const bound = new BatchLoader(loadBound)

  /** Looks up the local user that is bound to a verified one, and its sign-out. */
  async function findKnown (verified: VerifiedUser, dataVersion: number | undefined): Promise<Known> {
    const key = verified.key
    return known.get(key, dataVersion) ?? await readKnown(key, verified, dataVersion)
  }

  async function readKnown (key: string, verified: VerifiedUser, dataVersion: number | undefined): Promise<Known> {
    const read = await bound.load(key, verified) ?? { user: undefined, signOut: await findSignOut(fastify.db, verified) }
    known.set(key, read, dataVersion)
    return read
  }

  async function loadBound (verified: VerifiedUser[]): Promise<(UserWithSignOut | undefined)[]> {
    const rows = await findUsersWithSignOuts(fastify.db, verified)
    const byIdentity = new Map(rows.map(row => [identityKey(row.user.issuer ?? '', row.user.sub ?? ''), row]))
    return verified.map(user => byIdentity.get(user.key))
  }

  // A failure to write does not refuse a request that may only read: a sign-out could not be written either.
  async function noteSignIn ({ user: { authTime }, log }: FastifyRequest, user: User): Promise<void> {
    if (authTime === null || !isNewSignIn(authTime, user)) return
    await updateAuthTime(fastify.db, user.id, authTime).catch((error: unknown) => log.warn({ err: error }, 'the time of a sign-in was not stored'))
  }
}

function isSafe ({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function admit (request: FastifyRequest, as: Admitted['as'], user: User | undefined): void {
  request[admitted] = { as, user, complete: request.raw.complete }
}

/** Reads the local user of a verified one, and its sign-out, in a transaction. */
async function readFrom (transaction: Database, verified: VerifiedUser): Promise<Known> {
  const [found] = await findUsersWithSignOuts(transaction, [{ issuer: verified.issuer, subject: verified.subject }])
  return found ?? { user: undefined, signOut: await findSignOut(transaction, verified) }
}

/** @throws {Problem} `invalid_auth_token` where the session is over */
function judge ({ user, signOut }: Known, verified: VerifiedUser): User | undefined {
  refuseSignedOut(signOut, verified)
  return user
}

/** @throws {Problem} `invalid_auth_token`, `no_such_user`, `user_disabled` */
async function decideAgain (request: FastifyRequest, db: Database, known: Known): Promise<void> {
  const user = judge(known, request.user)
  if (request[admitted]?.as === 'administrator') return refuseDisabled(user ?? await findUnboundUser(db, request.user))
  if (user === undefined || user.id !== request.localUser.id) throw new Problem('no_such_user', 'This user was removed while the request was on its way.')
  refuseDisabled(user)
  request[localUser] = user
}

/** The bytes of an entry: 300 beside its texts, of up to two bytes a character. */
function sizeOf ({ user, signOut }: Known): number {
  const texts = [user?.username, user?.email, user?.issuer, user?.sub, signOut?.originJti]
  return 300 + 2 * texts.reduce((sum, text) => sum + (text?.length ?? 0), 0)
}

export default fp(localUsers, { name: 'local-user', dependencies: ['authentication', 'database', 'rate-limit'] })
