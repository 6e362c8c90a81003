import { Type, type Static } from '@sinclair/typebox'
import { entityTag } from '../http/conditional-request.ts'

const id = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER, format: 'int64', examples: [1] }

export const ArticleSchema = Type.Object({
  id: Type.Integer(id),
  name: Type.String({ minLength: 1, maxLength: 50, examples: ['On bread'] }),
  author: Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, description: "The author's username, or null where the user is gone.", examples: ['alice'] }),
  createdAt: Type.String({ format: 'date-time', maxLength: 24, examples: ['2026-11-23T10:00:00.000Z'] }),
  updatedAt: Type.String({ format: 'date-time', maxLength: 24, examples: ['2026-11-23T10:00:00.000Z'] })
}, { title: 'Article' })

export type Article = Static<typeof ArticleSchema>

export const ArticleListSchema = Type.Array(ArticleSchema, { maxItems: 100 })

/** What a client says of an article, to make one and to change one. */
export const NewArticleSchema = Type.Object({
  // White space around the name does not count; the handler trims it. The body limit of the routes is the real bound.
  name: Type.String({
    maxLength: 4096,
    pattern: '^\\s*[^\\s\\u0000\\uD800-\\uDFFF](?:[^\\u0000\\uD800-\\uDFFF]{0,48}[^\\s\\u0000\\uD800-\\uDFFF])?\\s*$',
    description: '1 to 50 characters once trimmed, without NUL or lone surrogates',
    examples: ['On bread']
  })
}, { title: 'NewArticle', additionalProperties: false })

export const ArticleParamsSchema = Type.Object({ id: Type.Integer(id) })

/** Changes whenever anything changes that an article shows, also its author's name. */
export function articleTag ({ id, name, author, createdAt, updatedAt }: Article): string {
  return entityTag(JSON.stringify([id, name, author, createdAt, updatedAt]))
}
