import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { Webhook } from 'standardwebhooks'
import { serviceActor } from '../../../src/audit/actor.ts'
import { poolIssuers } from '../../../src/cognito/pool-issuers.ts'
import { PostConfirmationEventSchema } from '../../../src/cognito/post-confirmation.ts'
import type { Config } from '../../../src/config.ts'
import { json, problems } from '../../../src/openapi/responses.ts'
import { Problem } from '../../../src/problems/catalogue.ts'
import { admitCognitoUser } from '../../../src/users/admit-cognito-user.ts'
import { readAttributes } from '../../../src/users/cognito-user.ts'
import { UserSchema } from '../../../src/users/schemas.ts'

// The body of every request is hashed in JavaScript: 1 MB costs 50 ms. An event with all custom attributes of
// a pool fits.
const bodyLimit = 128 * 1024
const maxClockDifferenceSeconds = 5 * 60

/** Receives the events of Cognito's Post-Confirmation trigger. Without a secret, the route does not exist. */
const postConfirmation: FastifyPluginAsyncTypebox<Config> = async (fastify, config) => {
  const { postConfirmationSecret, usernameClaim } = config
  if (postConfirmationSecret === undefined) return
  const webhook = new Webhook(postConfirmationSecret)
  const issuers = poolIssuers(config)

  // The signature is of the bytes, so the body is parsed after it has been verified.
  fastify.removeContentTypeParser('application/json')
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: FastifyRequest, body: string) => body)
  fastify.addHook('onRequest', async ({ headers }) => rejectUnsigned(headers))
  fastify.addHook('preValidation', async request => {
    const text = verifySignature(webhook, request)
    request.isSignatureVerified = true
    request.body = parse(text)
  })
  // A genuine event has no rate limit. A request that fails before its proof counts for its address.
  fastify.setErrorHandler(async (error, request, reply) => {
    if (!request.isSignatureVerified) await fastify.limitAddress(request, reply)
    throw error
  })

  fastify.post('/', {
    bodyLimit,
    config: { access: 'public', hasSignedBody: true },
    schema: {
      operationId: 'confirmUser',
      summary: 'Receive a user who has signed up',
      description: "The event of Cognito's Post-Confirmation trigger, signed as a Standard Webhook.",
      tags: ['cognito'],
      security: [{ webhook: [] }],
      headers: Type.Object({
        'webhook-id': Type.Optional(Type.String({ maxLength: 255 })),
        'webhook-timestamp': Type.Optional(Type.String({ maxLength: 20 })),
        'webhook-signature': Type.Optional(Type.String({ maxLength: 1000 }))
      }),
      body: PostConfirmationEventSchema,
      response: {
        200: json(UserSchema, 'The user was bound already.'),
        201: json(UserSchema, 'The user was added or bound.', 'Location'),
        ...problems(400, 401, 409, 413, 415)
      }
    }
  }, async ({ body, headers }, reply) => {
    const { userPoolId, userName: cognitoUsername, request: { userAttributes: attributes } } = body
    const issuer = issuers.get(userPoolId)
    if (issuer === undefined) {
      const errors = [{ in: 'body', path: '/userPoolId', message: 'is not a user pool of this service' } as const]
      throw new Problem('validation_failed', 'The event is from another user pool.', { errors })
    }
    const status = attributes['cognito:user_status']
    const described = { issuer, subject: attributes.sub, cognitoUsername, attributes, status }
    const cognitoUser = readAttributes(described, usernameClaim, Number(headers['webhook-timestamp']))
    const { user, outcome } = await admitCognitoUser(fastify.db, cognitoUser, serviceActor('post-confirmation'))
    if (outcome !== 'found') reply.code(201).header('location', `/admin/users/${user.id}`)
    return user
  })
}

/** Rejects a request whose headers alone show that it is not signed. Its body is not read. */
function rejectUnsigned (headers: IncomingHttpHeaders): void {
  const signed = signedHeaders(headers)
  const timestamp = signed['webhook-timestamp']
  const ageSeconds = Math.floor(Date.now() / 1000) - (/^\d{1,12}$/.test(timestamp) ? Number(timestamp) : NaN)
  const isFresh = Math.abs(ageSeconds) <= maxClockDifferenceSeconds
  if (!isFresh || signed['webhook-id'] === '' || signed['webhook-signature'] === '') throw notSigned(signed)
}

function verifySignature (webhook: Webhook, { body, headers }: FastifyRequest): string {
  const signed = signedHeaders(headers)
  const text = String(body)
  try {
    webhook.verify(text, signed, { jsonParse: false })
    return text
  } catch (cause) {
    throw notSigned(signed, cause)
  }
}

function signedHeaders (headers: IncomingHttpHeaders) {
  const text = (name: string) => String(headers[name] ?? '')
  return { 'webhook-id': text('webhook-id'), 'webhook-timestamp': text('webhook-timestamp'), 'webhook-signature': text('webhook-signature') }
}

function notSigned (signed: ReturnType<typeof signedHeaders>, cause?: unknown): Problem {
  const code = signed['webhook-signature'] === '' ? 'no_auth_token' : 'invalid_auth_token'
  return new Problem(code, 'The event is not signed with the secret of this webhook, or was not signed in the last five minutes.', {
    headers: { 'www-authenticate': 'Webhook realm="articles"' },
    cause
  })
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Problem('malformed_json', 'The body is not JSON.', { cause })
  }
}

export default postConfirmation
