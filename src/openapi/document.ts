import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

const description = `Articles for the users of an Amazon Cognito user pool.

Send an id token or an access token of the user pool as \`Authorization: Bearer <token>\`. Every error response is a
problem detail (RFC 9457) with a \`code\` for programs and a \`detail\` for people.`

// `x-internal` is for the lint rules of the document.
const server = { description: 'This service: local, staging or production', 'x-internal': false }

/** Options of `@fastify/swagger`: the parts of the OpenAPI document that the route schemas do not contain. */
export const documentOptions = (basePath: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Articles', version: '0.1.0', description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ ...server, url: basePath === '' ? '/' : basePath }],
    tags: [
      { name: 'articles', description: 'Articles and their authors' },
      { name: 'admin', description: 'Users, for members of the admin group' },
      { name: 'cognito', description: 'Webhooks for Cognito' },
      { name: 'me', description: 'The user of the token' },
      { name: 'health', description: 'Health checks for operators' }
    ],
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An id token or an access token of the user pool (RFC6750), verified by the practices of RFC8725.'
        },
        webhook: {
          type: 'apiKey',
          in: 'header',
          name: 'webhook-signature',
          description: 'A Standard Webhook signature: https://www.standardwebhooks.com'
        }
      }
    },
    security: [{ bearer: [] }]
  },
  transformObject: document => 'openapiObject' in document ? shareSchemas(document.openapiObject) : document.swaggerObject
})

/** Moves each schema that has a title to `components`, and puts references in its places. */
function shareSchemas<Document extends { components?: { schemas?: Record<string, unknown> } }> (document: Document): Document {
  const schemas: Record<string, unknown> = {}
  const shared = share(document)
  return { ...shared, components: { ...shared.components, schemas } }

  // The overload says that the shape of a value stays, apart from the references.
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
