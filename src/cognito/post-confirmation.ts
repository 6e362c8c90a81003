import { Type } from '@sinclair/typebox'

const text = (maxLength: number, examples: string[]) => Type.String({
  minLength: 1, maxLength, pattern: '^[^\\u0000\\uD800-\\uDFFF]*$', description: 'text without NUL or lone surrogates', examples
})

const triggerSources = ['PostConfirmation_ConfirmSignUp', 'PostConfirmation_ConfirmForgotPassword'] as const

/**
 * The event of Cognito's Post-Confirmation trigger: the members that the service reads.
 * https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
 */
export const PostConfirmationEventSchema = Type.Object({
  triggerSource: Type.Unsafe<typeof triggerSources[number]>({ type: 'string', enum: [...triggerSources] }),
  userPoolId: text(55, ['eu-west-1_AbC123xyz']),
  userName: text(128, ['alice']),
  request: Type.Object({
    userAttributes: Type.Object({
      sub: text(255, ['c4a5d0d2-0001-4000-8000-000000000001']),
      email: Type.Optional(text(254, ['alice@example.com'])),
      email_verified: Type.Optional(Type.Unsafe<unknown>({
        type: ['string', 'boolean'], maxLength: 5, description: 'Cognito sends the text "true" for a verified address.', examples: ['true']
      })),
      'cognito:user_status': Type.Optional(text(128, ['CONFIRMED'])),
      identities: Type.Optional(Type.String({
        maxLength: 65_536, description: 'The identities of a federated user, as JSON text.', examples: ['[]']
      }))
    })
  })
}, { title: 'PostConfirmationEvent' })
