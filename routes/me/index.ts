import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { tokenActor } from '../../src/audit/actor.ts'
import { json, noContent, problems } from '../../src/openapi/responses.ts'
import { signOut } from '../../src/users/sign-out.ts'
import { MeSchema } from '../../src/users/schemas.ts'

const me: FastifyPluginAsyncTypebox = async fastify => {
  fastify.get('/', {
    schema: {
      operationId: 'getMe',
      summary: 'Read the verified user',
      tags: ['me'],
      response: { 200: json(MeSchema, 'The verified user.', 'Cache-Control'), ...problems(401, 403) }
    }
  }, async ({ localUser, user }, reply) => {
    const { id, username, email } = localUser
    reply.header('cache-control', 'private, no-store')
    return { id, username, email, sub: user.subject, groups: [...user.groups] }
  })

  fastify.post('/sign-out', {
    schema: {
      operationId: 'signOut',
      summary: 'End all of my sessions',
      description: 'Tokens of earlier sessions are rejected from now on, by every replica. The response comes when that is so, within about a second.',
      tags: ['me'],
      response: { 204: noContent('The sessions have ended.'), ...problems(400, 401, 403, 413, 415) }
    }
  }, async ({ localUser, user }, reply) => {
    await signOut(fastify.db, { ...tokenActor(user), name: localUser.username }, localUser, user, fastify.endSessions)
    reply.code(204)
    return null
  })
}

export default me
