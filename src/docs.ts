import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'

const description = `Articles, for the users of an Amazon Cognito user pool.

Send a token of Cognito's, an id token or an access token, as \`Authorization: Bearer <token>\`. Every refusal is a problem
detail (RFC 9457) with a \`code\` for programs and a \`detail\` for people.`

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const server = { url: '/', description: 'This service, be it local, staging or production', 'x-internal': false }

/** A server of its own for what describes the service: `/openapi.json`, made from the schemas of its routes, and under `/docs` a page to try it on. */
export async function makeDocs (routes: RouteOptions[]): Promise<FastifyInstance> {
  const docs = Fastify({ exposeHeadRoutes: false, pluginTimeout: 0, routerOptions: { ignoreTrailingSlash: true } })
  // The routes are here to be described, and never asked.
  docs.setValidatorCompiler(() => () => true)
  docs.setSerializerCompiler(() => JSON.stringify)
  await docs.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Articles', version: '0.1.0', description, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [server],
      tags: [
        { name: 'articles', description: 'Articles, and who wrote them' },
        { name: 'admin', description: 'Users, for members of the admin group' },
        { name: 'cognito', description: 'For Cognito itself' },
        { name: 'me', description: 'The user whose token it is' },
        { name: 'health', description: 'For whoever runs the service' }
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: "An id token or an access token of the user pool's (RFC6750), verified by the practices of RFC8725." },
          webhook: { type: 'apiKey', in: 'header', name: 'webhook-signature', description: 'A Standard Webhook signature: https://www.standardwebhooks.com' }
        }
      },
      security: [{ bearer: [] }]
    },
    transformObject: document => 'openapiObject' in document ? shareSchemas(document.openapiObject) : document.swaggerObject
  })
  await docs.register(swaggerUi, { routePrefix: '/docs', staticCSP: pagePolicy, uiConfig: { persistAuthorization: false, tryItOutEnabled: true } })
  for (const { method, url, schema } of routes) {
    if (method !== 'HEAD' && schema?.hide !== true) docs.route({ method, url, schema: schema ?? {}, handler: (_request, reply) => reply.callNotFound() })
  }
  docs.get('/openapi.json', { schema: { hide: true } }, async () => docs.swagger())
  await docs.ready()
  return docs
}

/** Schemas with a title are said once, under components, and referred to everywhere else. */
function shareSchemas<Document extends { components?: { schemas?: Record<string, unknown> } }> (document: Document): Document {
  const schemas: Record<string, unknown> = {}
  const shared = share(document)
  return { ...shared, components: { ...shared.components, schemas } }

  function share<Value> (value: Value): Value
  function share (value: unknown): unknown {
    if (Array.isArray(value)) return value.map(share)
    if (typeof value !== 'object' || value === null) return value
    const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, share(member)]))
    if (!('title' in value && 'type' in value && typeof value.title === 'string')) return members
    schemas[value.title] = members
    return { $ref: `#/components/schemas/${value.title}` }
  }
}
