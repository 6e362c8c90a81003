import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { listAudit } from '../../../src/audit/queries.ts'
import { AuditListSchema } from '../../../src/audit/schemas.ts'
import { PageQuerySchema, sendPage } from '../../../src/http/pagination.ts'
import { json, nothing, problems } from '../../../src/openapi/responses.ts'

const adminAudit: FastifyPluginAsyncTypebox = async fastify => {
  fastify.get('/', {
    schema: {
      operationId: 'listAudit',
      summary: 'Read the audit trail',
      description: 'Every change of a user with its actor and its time, the newest first.',
      tags: ['admin'],
      querystring: PageQuerySchema,
      response: { 200: json(AuditListSchema, 'A page of the audit trail.', 'Link', 'ETag', 'Cache-Control', 'Vary'), 304: nothing('The client has this page already.', 'Link', 'ETag', 'Cache-Control', 'Vary'), ...problems(400, 401, 403) }
    }
  }, async (request, reply) => sendPage(request, reply, await listAudit(fastify.db, request.query)))
}

export default adminAudit
