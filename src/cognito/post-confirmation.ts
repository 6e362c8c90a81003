import { Type, type Static } from '@sinclair/typebox'

const text = (maxLength: number, examples: string[]) => Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000\\uD800-\\uDFFF]*$', description: 'text without NUL or lone surrogates', examples })

/**
 * The event of Cognito's Post-Confirmation trigger, as much of it as is read here.
 * https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
 */
export const PostConfirmationEventSchema = Type.Object({
  triggerSource: Type.Unsafe<'PostConfirmation_ConfirmSignUp' | 'PostConfirmation_ConfirmForgotPassword'>({ type: 'string', enum: ['PostConfirmation_ConfirmSignUp', 'PostConfirmation_ConfirmForgotPassword'] }),
  userPoolId: text(55, ['eu-west-1_AbC123xyz']),
  userName: text(128, ['alice']),
  request: Type.Object({
    userAttributes: Type.Object({
      sub: text(255, ['c4a5d0d2-0001-4000-8000-000000000001']),
      email: Type.Optional(text(254, ['alice@example.com'])),
      email_verified: Type.Optional(Type.Unsafe<unknown>({ description: 'Cognito sends the text "true" where it is.', maxLength: 5, type: ['string', 'boolean'], examples: ['true'] })),
      'cognito:user_status': Type.Optional(text(128, ['CONFIRMED'])),
      identities: Type.Optional(Type.String({ maxLength: 65_536, description: 'The identities of a federated user, as JSON text.', examples: ['[]'] }))
    })
  })
}, { title: 'PostConfirmationEvent' })

export type PostConfirmationEvent = Static<typeof PostConfirmationEventSchema>
