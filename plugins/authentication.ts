import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { cognitoAuthOptions, type TokenConfig } from '../src/cognito/auth-options.ts'
import { keySetStorage } from '../src/cognito/key-set-queries.ts'
import cognitoAuth from './cognito-auth/index.ts'

/**
 * Guards routes with the package `fastify-cognito-auth`. The database keeps the last good keys for the next
 * start.
 */
const authentication: FastifyPluginAsync<TokenConfig> = async (fastify, config) => {
  await fastify.register(cognitoAuth, { ...cognitoAuthOptions(config), keySetStorage: keySetStorage(fastify.db) })
}

export default fp(authentication, { name: 'authentication', dependencies: ['database'] })
