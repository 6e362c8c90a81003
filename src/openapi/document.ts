import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

const description = `Articles, for the users of an Amazon Cognito user pool.

Send a token of Cognito's, an id token or an access token, as \`Authorization: Bearer <token>\`. Every refusal is a problem
detail (RFC 9457) with a \`code\` for programs and a \`detail\` for people.`

const server = { description: 'This service, be it local, staging or production', 'x-internal': false }

/** Options of `@fastify/swagger`: the parts of the OpenAPI document that the routes do not say themselves. */
export const documentOptions = (basePath: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Articles', version: '0.1.0', description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ ...server, url: basePath === '' ? '/' : basePath }],
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

/** Moves each schema that has a title to `components`, and leaves references to it. */
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
