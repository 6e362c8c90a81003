import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { entityTag } from '../http/conditional-request.ts'
import { ResourceIdSchema } from '../http/resource-id.ts'
import { serialize } from '../http/serializer.ts'
import { TimestampSchema } from '../http/text-schema.ts'
import type { User } from './queries.ts'

const shownEmail = Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, examples: ['alice@example.com'] })
const subject = { maxLength: 255, examples: ['c4a5d0d2-0001-4000-8000-000000000001'] }

// As Cognito has them:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html
const username = Type.String({
  maxLength: 128,
  pattern: '^[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]{1,128}$',
  description: '1 to 128 letters, marks, symbols, digits or punctuation, without white space',
  examples: ['alice']
})
const email = Type.String({
  maxLength: 254,
  pattern: '^[^@\\s\\u0000-\\u001F\\uD800-\\uDFFF]{1,64}@[^@\\s\\u0000-\\u001F\\uD800-\\uDFFF]+$',
  description: 'an e-mail address of at most 254 characters',
  examples: ['alice@example.com']
})
const newSubject = Type.String({
  minLength: 1,
  ...subject,
  pattern: '^[^\\u0000\\uD800-\\uDFFF]*$',
  description: 'the subject of the tokens of the user, or the id of a machine client'
})
const userPoolId = Type.String({
  maxLength: 55,
  pattern: '^[a-z][a-z0-9-]*_[0-9A-Za-z]+$',
  description: 'the id of a user pool of this service; it may be left out where there is only one',
  examples: ['eu-west-1_AbC123xyz']
})

export const MeSchema = Type.Object({
  id: ResourceIdSchema,
  username: Type.String({ maxLength: 255, examples: ['alice'] }),
  email: shownEmail,
  sub: Type.String({ ...subject, description: "The subject of the user's tokens." }),
  groups: Type.Array(Type.String({ maxLength: 255, examples: ['admin'] }), { maxItems: 1000 })
}, { title: 'Me', description: 'The verified user.' })

export const UserSchema = Type.Object({
  id: ResourceIdSchema,
  kind: Type.Unsafe<User['kind']>({
    type: 'string',
    enum: ['user', 'client'],
    description: 'A person, or a machine client.',
    examples: ['user']
  }),
  username: Type.String({ maxLength: 255, examples: ['alice'] }),
  email: shownEmail,
  disabled: Type.Boolean(),
  issuer: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    maxLength: 255,
    description: 'The issuer of the tokens of the user, null until the user is bound.',
    examples: ['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz']
  }),
  sub: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    ...subject,
    description: 'The subject of the tokens of the user, null until the user is bound.'
  }),
  createdAt: TimestampSchema,
  updatedAt: TimestampSchema
}, { title: 'User' })

export const UserListSchema = Type.Array(UserSchema, { maxItems: 100 })
export const NewUserSchema = Type.Object({
  username,
  email: Type.Optional(email),
  subject: Type.Optional(newSubject),
  userPoolId: Type.Optional(userPoolId)
}, { title: 'NewUser', additionalProperties: false })

export const UserChangesSchema = Type.Partial(Type.Object({
  username,
  email,
  disabled: Type.Boolean(),
  subject: nullable(newSubject, 'Null unbinds the user.'),
  userPoolId: nullable(userPoolId, 'Null unbinds the user.')
}), { title: 'UserChanges', additionalProperties: false, minProperties: 1 })

/** The entity tag of everything that a user shows. */
export function userTag (user: Static<typeof UserSchema>): string {
  return entityTag(serialize(UserSchema, user))
}

// Null beside the pattern of a text: `Type.Union` would report the faults of both branches.
function nullable (schema: TSchema, description: string) {
  return Type.Unsafe<string | null>({ ...schema, type: ['string', 'null'], description: `${schema.description}. ${description}` })
}
