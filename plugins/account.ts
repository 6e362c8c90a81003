import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { authenticationProblem, defaultRealm } from '../src/cognito/challenge.ts'
import type { Provisioning } from '../src/config.ts'
import { findSignOut } from '../src/sign-outs/queries.ts'
import { refuseSignedOut } from '../src/sign-outs/sign-out.ts'
import { findAccount, refuseDisabled } from '../src/users/account.ts'
import { findUserByIdentity, type User } from '../src/users/queries.ts'

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

/** Decorates requests with the local user that the verified one is bound to, as the database has it at that moment. */
const accounts: FastifyPluginAsync<AccountOptions> = async (fastify, { provisioning }) => {
  fastify.decorateRequest(account, null)
  fastify.decorateRequest('account', {
    getter (this: FastifyRequest) {
      if (this[account] === null) throw new Error('request.account was read where loadAccount has not run')
      return this[account]
    }
  })

  fastify.decorate('loadAccount', async request => {
    await refuseEndedSession(request)
    request[account] = await findAccount(fastify.db, request.user, provisioning)
  })

  fastify.decorate('refuseBarred', async request => {
    await refuseEndedSession(request)
    refuseDisabled(await findUserByIdentity(fastify.db, request.user.issuer, request.user.subject))
  })

  async function refuseEndedSession ({ user }: FastifyRequest): Promise<void> {
    const signOut = await findSignOut(fastify.db, user)
    try {
      refuseSignedOut(signOut, user)
    } catch (error) {
      throw authenticationProblem(error, defaultRealm)
    }
  }
}

export default fp(accounts, { name: 'account', dependencies: ['cognito-auth', 'database'] })
