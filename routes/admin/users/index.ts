import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { userActor } from '../../../src/audit/actor.ts'
import { checkPreconditions, dependsOnVersion, IfMatchSchema } from '../../../src/http/conditional-request.ts'
import type { Database } from '../../../src/database/tables.ts'
import { ListQuerySchema, sendPage } from '../../../src/http/pagination.ts'
import { IdParamsSchema } from '../../../src/http/resource-id.ts'
import { json, noContent, problems, representation } from '../../../src/openapi/responses.ts'
import { signOut } from '../../../src/users/sign-out.ts'
import { addUser, changeUser, noSuchUser, removeUser } from '../../../src/users/manage-users.ts'
import { findUser, listUsers, lockUser, type User } from '../../../src/users/queries.ts'
import { NewUserSchema, UserChangesSchema, UserListSchema, UserSchema, userTag } from '../../../src/users/schemas.ts'

/**
 * The largest body of a user. Where every character is escaped as two surrogates of 6 bytes each, a username of 128 characters,
 * an e-mail address of 254 and a subject of 255 make a body of 7.8 kB.
 */
const bodyLimit = 8 * 1024

const adminUsers: FastifyPluginAsyncTypebox = async fastify => {
  fastify.get('/', {
    schema: {
      operationId: 'listUsers',
      summary: 'List users',
      tags: ['admin'],
      querystring: ListQuerySchema,
      response: { ...representation(UserListSchema, 'A page of users.', 'Link'), ...problems(400, 401, 403, 412) }
    }
  }, async (request, reply) => {
    const list = () => listUsers(fastify.db, request.query)
    return sendPage(request, reply, request.query.q ? await fastify.searches.run(request.user.key, list) : await list())
  })

  fastify.post('/', {
    bodyLimit,
    schema: {
      operationId: 'addUser',
      summary: 'Add a user',
      description: 'The user is bound to the first id token that comes with this e-mail address, verified.',
      tags: ['admin'],
      body: NewUserSchema,
      response: { 201: json(UserSchema, 'The user.', 'Location'), ...problems(400, 401, 403, 409, 413, 415) }
    }
  }, async (request, reply) => {
    const added = await fastify.writeAs(request, db => addUser(db, userActor(request.user), { ...request.body, issuer: null, sub: null }))
    reply.code(201).header('location', `/admin/users/${added.id}`)
    return added
  })

  fastify.get('/:id', {
    schema: {
      operationId: 'getUser',
      summary: 'Read a user',
      tags: ['admin'],
      params: IdParamsSchema,
      response: { ...representation(UserSchema, 'The user.'), ...problems(400, 401, 403, 404, 412) }
    }
  }, async ({ params }, reply) => {
    const user = await findUserOrRefuse(params.id)
    reply.header('etag', userTag(user))
    return user
  })

  fastify.patch('/:id', {
    bodyLimit,
    schema: {
      operationId: 'changeUser',
      summary: 'Change, disable or enable a user',
      description: 'Disabling takes effect on the next request of the user.',
      tags: ['admin'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      body: UserChangesSchema,
      response: { 200: json(UserSchema, 'The user.', 'ETag'), ...problems(400, 401, 403, 404, 409, 412, 413, 415) }
    }
  }, async (request, reply) => {
    const { body, params, user: admin } = request
    const user = await fastify.writeAs(request, async db => {
      await checkUser(db, params.id, request)
      return changeUser(db, userActor(admin), params.id, body)
    })
    reply.header('etag', userTag(user))
    return user
  })

  fastify.delete('/:id', {
    schema: {
      operationId: 'removeUser',
      summary: 'Remove a user',
      description: 'The articles of the user stay, without an author. Where users are provisioned automatically, disable a user who is not to come back.',
      tags: ['admin'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      response: { 204: noContent('The user is gone.'), ...problems(400, 401, 403, 404, 412, 413, 415) }
    }
  }, async (request, reply) => {
    const { params, user: admin } = request
    await fastify.writeAs(request, async db => {
      await checkUser(db, params.id, request)
      await removeUser(db, userActor(admin), params.id)
    })
    reply.code(204)
    return null
  })

  fastify.post('/:id/sign-out', {
    schema: {
      operationId: 'signOutUser',
      summary: 'End all sessions of a user',
      description: 'Tokens of sessions begun before are refused from now on, by every replica; answers when that is so, within about a second. A user that is not bound yet has no session: 409.',
      tags: ['admin'],
      params: IdParamsSchema,
      response: { 204: noContent('They are over.'), ...problems(400, 401, 403, 404, 409, 413, 415) }
    }
  }, async ({ params, user }, reply) => {
    await signOut(fastify.db, userActor(user), await findUserOrRefuse(params.id), null, fastify.endSessions)
    reply.code(204)
    return null
  })

  async function findUserOrRefuse (id: number, db = fastify.db): Promise<User> {
    const user = await findUser(db, id)
    if (user === undefined) throw noSuchUser()
    return user
  }

  /** Checks the preconditions of a change. It locks the user, so that they hold until the end of the transaction. */
  async function checkUser (transaction: Database, id: number, { headers }: FastifyRequest): Promise<void> {
    if (!dependsOnVersion(headers)) return
    await lockUser(transaction, id)
    checkPreconditions(headers, userTag(await findUserOrRefuse(id, transaction)))
  }
}

export default adminUsers
