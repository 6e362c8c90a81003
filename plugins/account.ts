import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Provisioning } from '../src/config.ts'
import { findOrBindUser } from '../src/users/bind.ts'
import type { User } from '../src/users/queries.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An `onRequest` hook, after `authenticate`: the local user of the verified one, or 403. */
    loadAccount (request: FastifyRequest): Promise<void>
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

/** Decorates requests with the local user that the verified one is bound to. */
const accounts: FastifyPluginAsync<AccountOptions> = async (fastify, { provisioning }) => {
  fastify.decorateRequest(account, null)
  fastify.decorateRequest('account', {
    getter (this: FastifyRequest) {
      if (this[account] === null) throw new Error('request.account was read where loadAccount has not run')
      return this[account]
    }
  })
  fastify.decorate('loadAccount', async request => {
    request[account] = await findOrBindUser(fastify.db, request.user, provisioning)
  })
}

export default fp(accounts, { name: 'account', dependencies: ['cognito-auth', 'database'] })
