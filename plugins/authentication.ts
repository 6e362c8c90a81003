import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { keySetStorage } from '../src/cognito/key-set-queries.ts'
import cognitoAuth, { type CognitoAuthOptions } from './cognito-auth/plugin.ts'

/** Guards routes with the package `fastify-cognito-auth`. The database keeps the last good keys for the next start. */
const authentication: FastifyPluginAsync<CognitoAuthOptions> = async (fastify, options) => {
  await fastify.register(cognitoAuth, options)
  fastify.keyStore.useStorage(keySetStorage(fastify.db))
}

export default fp(authentication, { name: 'authentication', dependencies: ['database'] })
