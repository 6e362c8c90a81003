import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { tokenActor } from '../../../src/audit/actor.ts'
import { poolIssuers } from '../../../src/cognito/pool-issuers.ts'
import type { Config } from '../../../src/config.ts'
import { checkPreconditions, dependsOnVersion, IfMatchSchema } from '../../../src/http/conditional-request.ts'
import type { Database } from '../../../src/database/tables.ts'
import { ListQuerySchema, sendPage } from '../../../src/http/pagination.ts'
import { IdParamsSchema } from '../../../src/http/resource-id.ts'
import { json, noContent, problems, representation } from '../../../src/openapi/responses.ts'
import { Problem } from '../../../src/problems/catalogue.ts'
import { addUser, changeUser, noSuchUser, removeUser } from '../../../src/users/manage-users.ts'
import { findUser, listUsers, lockUser, type User } from '../../../src/users/queries.ts'
import { readBinding } from '../../../src/users/read-binding.ts'
import { NewUserSchema, UserChangesSchema, UserListSchema, UserSchema, userTag } from '../../../src/users/schemas.ts'
import { signOut } from '../../../src/users/sign-out.ts'

/**
 * The largest body of a user: a username of 128 characters, an address of 254, a subject of 255 and a pool id
 * of 55. Each character may be escaped as two surrogates of 6 bytes, which makes 8.5 kB.
 */
const bodyLimit = 9 * 1024

const adminUsers: FastifyPluginAsyncTypebox<Config> = async (fastify, config) => {
  const issuers = poolIssuers(config)

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
      description: 'With a subject, the user is bound to that identity. Without one, an e-mail address is needed: the user is bound to the first token that proves the address.',
      tags: ['admin'],
      body: NewUserSchema,
      response: { 201: json(UserSchema, 'The user.', 'Location'), ...problems(400, 401, 403, 409, 413, 415) }
    }
  }, async (request, reply) => {
    const { username, email = null, ...binding } = request.body
    const identity = readBinding(binding, issuers)
    if (email === null && !identity) {
      const errors = [{ in: 'body', path: '/email', message: 'is required where there is no subject' } as const]
      throw new Problem('validation_failed', 'There is a fault in the body; errors says where.', { errors })
    }
    const newUser = { username, email, issuer: identity?.issuer ?? null, sub: identity?.subject ?? null }
    const added = await fastify.writeAs(request, db => addUser(db, tokenActor(request.user), newUser))
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
    const user = await findUserOrThrow(params.id)
    reply.header('etag', userTag(user))
    return user
  })

  fastify.patch('/:id', {
    bodyLimit,
    schema: {
      operationId: 'changeUser',
      summary: 'Change, disable, enable, bind or unbind a user',
      description: 'It takes effect on the next request of the user. A subject and a user pool bind the user to that identity, and both as null unbind it. The articles stay with the user.',
      tags: ['admin'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      body: UserChangesSchema,
      response: { 200: json(UserSchema, 'The user.', 'ETag'), ...problems(400, 401, 403, 404, 409, 412, 413, 415) }
    }
  }, async (request, reply) => {
    const { body, params, user: admin } = request
    const { subject, userPoolId, ...changes } = body
    const identity = readBinding({ subject, userPoolId }, issuers)
    const user = await fastify.writeAs(request, async db => {
      await checkUser(db, params.id, request)
      return changeUser(db, tokenActor(admin), params.id, { ...changes, identity })
    })
    reply.header('etag', userTag(user))
    return user
  })

  fastify.delete('/:id', {
    schema: {
      operationId: 'removeUser',
      summary: 'Remove a user',
      description: 'The articles of the user stay, without an author. With USER_PROVISIONING=auto the user comes back with the next token: disable such a user.',
      tags: ['admin'],
      params: IdParamsSchema,
      headers: IfMatchSchema,
      response: { 204: noContent('The user was removed.'), ...problems(400, 401, 403, 404, 412, 413, 415) }
    }
  }, async (request, reply) => {
    const { params, user: admin } = request
    await fastify.writeAs(request, async db => {
      await checkUser(db, params.id, request)
      await removeUser(db, tokenActor(admin), params.id)
    })
    reply.code(204)
    return null
  })

  fastify.post('/:id/sign-out', {
    schema: {
      operationId: 'signOutUser',
      summary: 'End all sessions of a user',
      description: 'Tokens of earlier sessions are rejected from now on, by every replica. The response comes when that is so, within about a second. A user that is not bound yet has no session: 409.',
      tags: ['admin'],
      params: IdParamsSchema,
      response: { 204: noContent('The sessions have ended.'), ...problems(400, 401, 403, 404, 409, 413, 415) }
    }
  }, async ({ params, user }, reply) => {
    await signOut(fastify.db, tokenActor(user), await findUserOrThrow(params.id), null, fastify.endSessions)
    reply.code(204)
    return null
  })

  async function findUserOrThrow (id: number, db = fastify.db): Promise<User> {
    const user = await findUser(db, id)
    if (user === undefined) throw noSuchUser()
    return user
  }

  /**
   * Checks the preconditions of a change. It locks the user, so that they hold until the end of the
   * transaction.
   */
  async function checkUser (transaction: Database, id: number, { headers }: FastifyRequest): Promise<void> {
    if (!dependsOnVersion(headers)) return
    await lockUser(transaction, id)
    checkPreconditions(headers, userTag(await findUserOrThrow(id, transaction)))
  }
}

export default adminUsers
