import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { sendFileProblem } from '../src/http/file-problem.ts'
import { documentOptions } from '../src/openapi/document.ts'

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

interface OpenapiOptions {
  /** The path under which a proxy serves the service, without a trailing slash. Empty: at the root. */
  basePath: string
}

/** Serves the OpenAPI document of all routes registered after this plugin, and a page to try the routes. */
const openapi: FastifyPluginAsync<OpenapiOptions> = async (fastify, { basePath }) => {
  // `fastify.swagger()` builds the document on the first call.
  await fastify.register(swagger, documentOptions(basePath))
  await fastify.register(async scope => {
    scope.setErrorHandler(sendFileProblem)
    await scope.register(swaggerUi, { routePrefix: '/docs', indexPrefix: basePath, staticCSP: pagePolicy, uiConfig: { persistAuthorization: false, tryItOutEnabled: true } })
  })
  fastify.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())
}

export default fp(openapi, { name: 'openapi' })
