import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { authenticationProblem, defaultRealm } from '../src/cognito/challenge.ts'
import { identityKey, keyOfUser } from '../src/cognito/identity-key.ts'
import type { VerifiedUser } from '../src/cognito/verified-user.ts'
import type { Provisioning } from '../src/config.ts'
import { GatheredReads } from '../src/database/gathered-reads.ts'
import { ReadCache } from '../src/database/read-cache.ts'
import { findSignOut, type SignOut } from '../src/sign-outs/queries.ts'
import { refuseSignedOut } from '../src/sign-outs/sign-out.ts'
import { bindAccount, refuseDisabled } from '../src/users/account.ts'
import { findUsersWithSignOuts, type User, type UserWithSignOut } from '../src/users/queries.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An `onRequest` hook, after `authenticate`: the local user of the verified one, or 401 where it has signed out, or 403. */
    loadAccount (request: FastifyRequest): Promise<void>
    /** An `onRequest` hook, after `requireGroup`: an administrator needs no local user, but one that is barred bars. */
    refuseBarred (request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    [account]: User | null
    /** The local user. Reading it where `loadAccount` did not run is a mistake in the code, and throws. */
    readonly account: User
  }
}

interface AccountOptions {
  provisioning: Provisioning
}

const account = Symbol('local user')
const mostKnown = 10_000

interface Known {
  signOut: SignOut | undefined
  user: User | undefined
}

/** Decorates requests with the local user that the verified one is bound to, as the database has it at that moment. */
const accounts: FastifyPluginAsync<AccountOptions> = async (fastify, { provisioning }) => {
  fastify.decorateRequest(account, null)
  fastify.decorateRequest('account', {
    getter (this: FastifyRequest) {
      if (this[account] === null) throw new Error('request.account was read where loadAccount has not run')
      return this[account]
    }
  })

  fastify.decorate('loadAccount', async function loadAccount (request) {
    const user = await findKnown(request) ?? await bindAccount(fastify.db, request.user, provisioning)
    refuseDisabled(user)
    request[account] = user
  })

  fastify.decorate('refuseBarred', async function refuseBarred (request) {
    refuseDisabled(await findKnown(request))
  })

  const known = new ReadCache<Known>(fastify.db, mostKnown)
  const bound = new GatheredReads(readBound)

  /** The local user that is bound to a verified one, if there is one; 401 where the session is over. */
  async function findKnown ({ user: verified, changeMark }: FastifyRequest): Promise<User | undefined> {
    const key = keyOfUser(verified)
    const { signOut, user } = known.get(key, changeMark) ?? await readKnown(key, verified, changeMark)
    try {
      refuseSignedOut(signOut, verified)
    } catch (error) {
      throw authenticationProblem(error, defaultRealm)
    }
    return user
  }

  async function readKnown (key: string, verified: VerifiedUser, mark: number | undefined): Promise<Known> {
    const read = await bound.ask(key, verified) ?? { user: undefined, signOut: await findSignOut(fastify.db, verified) }
    known.set(key, read, mark)
    return read
  }

  function readBound (users: VerifiedUser[]): (user: VerifiedUser) => Promise<UserWithSignOut | undefined> {
    const reading = findUsersWithSignOuts(fastify.db, users)
      .then(found => new Map(found.map(each => [identityKey(each.user.issuer ?? '', each.user.sub ?? ''), each])))
    return async user => (await reading).get(keyOfUser(user))
  }
}

export default fp(accounts, { name: 'account', dependencies: ['cognito-auth', 'database'] })
