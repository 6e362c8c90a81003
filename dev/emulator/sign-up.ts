import { randomUUID } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { CodeMismatchError, InvalidParameterError, NotAuthorizedError, UsernameExistsError, UserNotFoundError } from 'cognito-local/lib/errors.js'
import type { Services } from 'cognito-local/lib/services/index.js'
import { attribute, attributesAppend, attributeValue } from 'cognito-local/lib/services/userPoolService.js'
import { ConfirmForgotPassword } from 'cognito-local/lib/targets/confirmForgotPassword.js'
import { ConfirmSignUp } from 'cognito-local/lib/targets/confirmSignUp.js'
import { ForgotPassword } from 'cognito-local/lib/targets/forgotPassword.js'
import { SignUp } from 'cognito-local/lib/targets/signUp.js'
import { checkWritable } from './account.ts'
import { checkPassword } from './password.ts'
import { read, type Operation } from './pool.ts'

const AttributesSchema = Type.Array(Type.Object({ Name: Type.String(), Value: Type.Optional(Type.String()) }))
const UserSchema = Type.Object({ ClientId: Type.String(), Username: Type.String({ minLength: 1, maxLength: 128 }) })
const SignUpSchema = Type.Composite([UserSchema, Type.Object({ Password: Type.String(), UserAttributes: Type.Optional(AttributesSchema) })])
const CodeSchema = Type.Composite([UserSchema, Type.Object({ ConfirmationCode: Type.String() })])
const NewPasswordSchema = Type.Composite([CodeSchema, Type.Object({ Password: Type.String() })])

/** The operations that create a user and set the password. */
export function signUpOperations (services: Services): Record<string, Operation> {
  const { cognito, clock, messages, otp } = services
  const find = async (...[context, request]: Parameters<Operation>) => {
    const { ClientId, Username } = read(UserSchema, request)
    const pool = await cognito.getUserPoolForClientId(context, ClientId)
    const user = await pool.getUserByUsername(context, Username)
    if (user === null) throw new UserNotFoundError()
    return { pool, user }
  }

  return {
    async SignUp (context, request) {
      const { ClientId, Username, Password, UserAttributes = [] } = read(SignUpSchema, request)
      checkWritable(UserAttributes)
      checkPassword(Password)
      const byEmail = Username.includes('@')
      const email = attributeValue('email', UserAttributes) ?? (byEmail ? Username : undefined)
      const pool = await cognito.getUserPoolForClientId(context, ClientId)
      if (email !== undefined && await pool.getUserByUsername(context, email) !== null) throw new UsernameExistsError()

      // As in Cognito, a sign-up with an e-mail address gets the subject as its username.
      const sub = randomUUID()
      const attributes = attributesAppend(UserAttributes, attribute('sub', sub), attribute('email', email), attribute('email_verified', 'false'))
      const result = await SignUp(services)(context, { ClientId, Password, Username: byEmail ? sub : Username, UserAttributes: attributes })
      return { ...result, UserSub: sub }
    },

    async ConfirmSignUp (context, request) {
      const { user } = await find(context, request)
      if (user.UserStatus !== 'UNCONFIRMED') throw new NotAuthorizedError(`User cannot be confirmed. Current status is ${user.UserStatus}`)
      await ConfirmSignUp(services)(context, read(CodeSchema, request))
      const { pool, user: confirmed } = await find(context, request)
      await pool.saveUser(context, { ...confirmed, Attributes: attributesAppend(confirmed.Attributes, attribute('email_verified', 'true')) })
      return {}
    },

    async ResendConfirmationCode (context, request) {
      const { ClientId } = read(UserSchema, request)
      const { pool, user } = await find(context, request)
      const email = attributeValue('email', user.Attributes)
      if (user.UserStatus !== 'UNCONFIRMED') throw new InvalidParameterError('User is already confirmed.')
      if (email === undefined) throw new InvalidParameterError('User has no e-mail address')
      const details = { AttributeName: 'email' as const, DeliveryMedium: 'EMAIL' as const, Destination: email }
      const code = otp()
      await pool.saveUser(context, { ...user, ConfirmationCode: code, UserLastModifiedDate: clock.get() })
      await messages.deliver(context, 'ResendCode', ClientId, pool.options.Id, user, code, undefined, details)
      return { CodeDeliveryDetails: details }
    },

    async ForgotPassword (context, request) {
      const { user } = await find(context, request)
      if (attributeValue('email_verified', user.Attributes) !== 'true') {
        throw new InvalidParameterError('Cannot reset password for the user as there is no registered/verified email or phone_number')
      }
      return ForgotPassword(services)(context, read(UserSchema, request))
    },

    async ConfirmForgotPassword (context, request) {
      const details = read(NewPasswordSchema, request)
      const { user } = await find(context, request)
      if (user.UserStatus === 'UNCONFIRMED') throw new CodeMismatchError()
      checkPassword(details.Password)
      return ConfirmForgotPassword(services)(context, details)
    }
  }
}
