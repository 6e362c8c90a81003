import { Type, type Static } from '@sinclair/typebox'

export const ArticleSchema = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  author: Type.Unsafe<string | null>({ type: ['string', 'null'], description: "The author's username, or null where the user is gone." }),
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' })
}, { $id: 'Article' })

export type Article = Static<typeof ArticleSchema>

export const NewArticleSchema = Type.Object({
  // White space around the name does not count; the handler trims it.
  name: Type.String({
    pattern: '^\\s*(?=\\S)[^\\u0000\\uD800-\\uDFFF]{1,50}(?<=\\S)\\s*$',
    description: '1 to 50 characters once trimmed, without NUL or lone surrogates'
  })
}, { $id: 'NewArticle', additionalProperties: false })

export const ArticleListQuerySchema = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 50, description: 'The most articles in the answer.' }),
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'The id after which the page begins, in its order.' })),
  order: Type.Unsafe<'asc' | 'desc'>({ type: 'string', enum: ['asc', 'desc'], default: 'asc', description: 'By id: oldest or newest first.' })
})

export type ArticleListQuery = Static<typeof ArticleListQuerySchema>
