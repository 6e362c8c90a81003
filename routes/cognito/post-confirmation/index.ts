import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { Webhook } from 'standardwebhooks'
import { serviceActor } from '../../../src/audit/actor.ts'
import { listIssuers, type IssuerOptions } from '../../../plugins/cognito-auth/issuers.ts'
import { PostConfirmationEventSchema } from '../../../src/cognito/post-confirmation.ts'
import { isEmailVerified } from '../../../plugins/cognito-auth/verified-email.ts'
import { Problem } from '../../../src/problems/catalogue.ts'
import { json, problems } from '../../../src/openapi/responses.ts'
import { bindIdentity } from '../../../src/users/bind-identity.ts'
import { findUserByIdentity } from '../../../src/users/queries.ts'
import { UserSchema } from '../../../src/users/schemas.ts'

interface PostConfirmationOptions extends IssuerOptions {
  postConfirmationSecret: string | undefined
}

// Whoever asks has the body hashed, in JavaScript: 1 MB costs 50 ms. An event with every custom attribute that a pool can have fits.
const bodyLimit = 128 * 1024
/** How far the timestamp of an event may be from this clock. */
const toleranceSeconds = 5 * 60

/** Where Cognito's Post-Confirmation trigger tells who has signed up. Without a secret to know it by, there is no such route. */
const postConfirmation: FastifyPluginAsyncTypebox<PostConfirmationOptions> = async (fastify, { postConfirmationSecret, ...options }) => {
  if (postConfirmationSecret === undefined) return
  const webhook = new Webhook(postConfirmationSecret)
  const issuers = new Map(listIssuers(options).map(issuer => [issuer.userPoolId, issuer.original]))

  // The signature is of the bytes, so the body is parsed once it has been verified.
  fastify.removeContentTypeParser('application/json')
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: FastifyRequest, body: string) => body)
  fastify.addHook('onRequest', async ({ headers }) => refuseUnsigned(headers))
  fastify.addHook('preValidation', async request => {
    const text = verifySignature(webhook, request)
    request.isSignatureVerified = true
    request.body = parse(text)
  })
  // A genuine event is never limited. What fails before its proof counts for the address.
  fastify.setErrorHandler(async (error, request, reply) => {
    if (!request.isSignatureVerified) await fastify.limitAddress(request, reply)
    throw error
  })

  fastify.post('/', {
    bodyLimit,
    config: { access: 'public', hasSignedBody: true },
    schema: {
      operationId: 'confirmUser',
      summary: 'Take note of a user who has signed up',
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
        200: json(UserSchema, 'The user is known already.'),
        201: json(UserSchema, 'The user has been added, or bound.', 'Location'),
        ...problems(400, 401, 409, 413, 415)
      }
    }
  }, async ({ body }, reply) => {
    const { userPoolId, userName: username, request: { userAttributes: { sub: subject, email = null, email_verified: verified, identities, 'cognito:user_status': status } } } = body
    const issuer = issuers.get(userPoolId)
    if (issuer === undefined) {
      throw new Problem('validation_failed', 'The event is from another user pool.', { errors: [{ in: 'body', path: '/userPoolId', message: 'is not a user pool of this service' }] })
    }
    const known = await findUserByIdentity(fastify.db, issuer, subject)
    if (known !== undefined) return known

    // An unverified address is not stored: it would block the user who can prove it.
    const emailVerified = isEmailVerified({ verified, identities, status }, 'attributes')
    const user = await bindIdentity(fastify.db, { issuer, subject, username, email: emailVerified ? email : null, emailVerified }, { actor: serviceActor('post-confirmation'), provision: true })
    if (typeof user === 'string') throw new Problem('conflict', 'The username or the e-mail address belongs to another user here.')
    reply.code(201).header('location', `/admin/users/${user.id}`)
    return user
  })
}

/** Refuses a request whose headers alone show that it is not signed. Its body is not read. */
function refuseUnsigned (headers: IncomingHttpHeaders): void {
  const signed = signedHeaders(headers)
  const timestamp = signed['webhook-timestamp']
  const ageSeconds = Math.floor(Date.now() / 1000) - (/^\d{1,12}$/.test(timestamp) ? Number(timestamp) : NaN)
  const isFresh = Math.abs(ageSeconds) <= toleranceSeconds
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
  return new Problem(code, 'The event is not signed with the secret of this webhook, or not within five minutes.', {
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
