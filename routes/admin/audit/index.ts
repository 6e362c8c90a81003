import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { listAudit } from '../../../src/audit/queries.ts'
import { AuditListSchema } from '../../../src/audit/schemas.ts'
import { PageQuerySchema, sendPage } from '../../../src/http/pagination.ts'
import { problems, representation } from '../../../src/openapi/responses.ts'

const adminAudit: FastifyPluginAsyncTypebox = async fastify => {
  fastify.get('/', {
    schema: {
      operationId: 'listAudit',
      summary: 'Read the audit trail',
      description: 'Every change of a user with its actor and its time, the newest first.',
      tags: ['admin'],
      querystring: PageQuerySchema,
      response: { ...representation(AuditListSchema, 'A page of the audit trail.', 'Link'), ...problems(400, 401, 403, 412) }
    }
  }, async (request, reply) => sendPage(request, reply, await listAudit(fastify.db, request.query)))
}

export default adminAudit
