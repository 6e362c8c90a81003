import { Type, type Static } from '@sinclair/typebox'

export const MeSchema = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, format: 'int64', examples: [1] }),
  username: Type.String({ maxLength: 255, examples: ['alice'] }),
  email: Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, examples: ['alice@example.com'] }),
  sub: Type.String({ maxLength: 255, description: "The subject of the user's tokens.", examples: ['c4a5d0d2-0001-4000-8000-000000000001'] }),
  groups: Type.Array(Type.String({ maxLength: 255, examples: ['admin'] }), { maxItems: 1000 })
}, { title: 'Me', description: 'The verified user.' })

export type Me = Static<typeof MeSchema>
