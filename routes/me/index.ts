import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { problemResponses } from '../../src/problem-schema.ts'
import { MeSchema } from '../../src/users/schemas.ts'

const me: FastifyPluginAsyncTypebox = async fastify => {
  fastify.addHook('onRequest', fastify.authenticate)
  fastify.addHook('onRequest', fastify.loadAccount)

  fastify.get('/', {
    schema: { response: { 200: MeSchema, ...problemResponses(401, 403, 429, 500, 503) } }
  }, async ({ account, user }) => {
    const { id, username, email } = account
    return { id, username, email, sub: user.subject, groups: [...user.groups] }
  })
}

export default me
