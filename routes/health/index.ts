import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { Readiness } from '../../src/database/readiness.ts'
import { temporaryProblem } from '../../src/problems/catalogue.ts'
import { json, problems } from '../../src/openapi/responses.ts'

const HealthSchema = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' })

const health: FastifyPluginAsyncTypebox = async fastify => {
  const readiness = new Readiness(fastify.database)
  fastify.addHook('onClose', () => readiness.close())

  fastify.get('/live', {
    config: { access: 'public', rateLimit: false },
    schema: {
      operationId: 'getLiveness',
      summary: 'Is the process alive',
      tags: ['health'],
      security: [],
      response: { 200: json(HealthSchema, 'It is.'), ...problems() }
    }
  }, async () => ({ status: 'ok' as const }))

  fastify.get('/ready', {
    config: { access: 'public', rateLimit: false },
    schema: {
      operationId: 'getReadiness',
      summary: 'Can requests be served',
      description: 'Keys in hand, database answering, migrations applied. The answer of the database is cached for a second.',
      tags: ['health'],
      security: [],
      response: { 200: json(HealthSchema, 'They can.'), ...problems() }
    }
  }, async () => {
    if (fastify.isStopping() && !fastify.isRetired()) throw temporaryProblem('overloaded', 'The service is stopping.')
    if (!fastify.cognito.isReady()) throw temporaryProblem('identity_provider_unavailable', 'A user pool has no signing keys in hand yet.')
    const unapplied = await readiness.listUnapplied().catch((cause: unknown) => {
      throw temporaryProblem('storage_unavailable', 'The database does not answer; try again.', { cause })
    })
    if (unapplied.length > 0) throw temporaryProblem('storage_unavailable', 'The database has migrations to come.')
    fastify.recordProbe()
    return { status: 'ok' as const }
  })
}

export default health
