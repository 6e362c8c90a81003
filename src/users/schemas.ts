import { Type, type Static } from '@sinclair/typebox'

export const MeSchema = Type.Object({
  id: Type.Integer(),
  username: Type.String(),
  email: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
  sub: Type.String(),
  groups: Type.Array(Type.String())
}, { $id: 'Me', description: 'The verified user.' })

export type Me = Static<typeof MeSchema>
