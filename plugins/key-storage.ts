import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { keySetStorage } from '../src/cognito/key-set-queries.ts'

/** Lets the service start, and verify tokens, while Cognito cannot be reached. */
const keyStorage: FastifyPluginAsync = async fastify => {
  fastify.keyStore.useStorage(keySetStorage(fastify.db))
}

export default fp(keyStorage, { name: 'key-storage', dependencies: ['cognito-auth', 'database'] })
