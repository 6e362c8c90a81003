import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { listPendingMigrations } from '../../src/database/migrate.ts'
import { problemResponses } from '../../src/problem-schema.ts'
import { Problem } from '../../src/problems.ts'

const HealthSchema = Type.Object({ status: Type.Literal('ok') }, { $id: 'Health' })

const health: FastifyPluginAsyncTypebox = async fastify => {
  fastify.get('/live', {
    schema: { response: { 200: HealthSchema } }
  }, async () => ({ status: 'ok' as const }))

  fastify.get('/ready', {
    schema: { response: { 200: HealthSchema, ...problemResponses(503) } }
  }, async () => {
    if (!fastify.keyStore.ready) throw notReady('identity_provider_unavailable', 'A user pool has no signing keys in hand yet.')
    const pending = await listPendingMigrations(fastify.db)
    if (pending.length > 0) throw notReady('storage_unavailable', 'The database has migrations to come.')
    return { status: 'ok' as const }
  })
}

function notReady (code: 'identity_provider_unavailable' | 'storage_unavailable', detail: string): Problem {
  return new Problem(code, detail, { headers: { 'retry-after': '1' } })
}

export default health
