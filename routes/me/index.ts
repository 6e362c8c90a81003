import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { json, problems } from '../../src/responses.ts'
import { MeSchema } from '../../src/users/schemas.ts'

const me: FastifyPluginAsyncTypebox = async fastify => {
  fastify.addHook('onRequest', fastify.authenticate)
  fastify.addHook('onRequest', fastify.loadAccount)

  fastify.get('/', {
    schema: {
      operationId: 'getMe',
      summary: 'Who am I',
      tags: ['me'],
      response: { 200: json(MeSchema, 'The verified user.'), ...problems(401, 403) }
    }
  }, async ({ account, user }) => {
    const { id, username, email } = account
    return { id, username, email, sub: user.subject, groups: [...user.groups] }
  })
}

export default me
