import { Type, type Static } from '@sinclair/typebox'
import { entityTag } from '../http/conditional-request.ts'
import { ResourceIdSchema } from '../http/resource-id.ts'
import { TimestampSchema, trimmedText } from '../http/text-schema.ts'

export const ArticleSchema = Type.Object({
  id: ResourceIdSchema,
  name: Type.String({ minLength: 1, maxLength: 50, examples: ['On bread'] }),
  author: Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, description: "The author's username, or null where the user is gone.", examples: ['alice'] }),
  createdAt: TimestampSchema,
  updatedAt: TimestampSchema
}, { title: 'Article' })

export type Article = Static<typeof ArticleSchema>

export const ArticleListSchema = Type.Array(ArticleSchema, { maxItems: 100 })

/** What a client says of an article, to make one and to change one. */
export const NewArticleSchema = Type.Object({
  name: trimmedText(50, ['On bread'])
}, { title: 'NewArticle', additionalProperties: false })

/** Changes whenever anything changes that an article shows, also its author's name. */
export function articleTag ({ id, name, author, createdAt, updatedAt }: Article): string {
  return entityTag(JSON.stringify([id, name, author, createdAt, updatedAt]))
}
