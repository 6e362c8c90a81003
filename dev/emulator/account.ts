import { Type } from '@sinclair/typebox'
import { CodeMismatchError, CognitoError, NotAuthorizedError, UserNotFoundError } from 'cognito-local/lib/errors.js'
import type { Services } from 'cognito-local/lib/services/index.js'
import { attribute, attributesAppend, attributeValue } from 'cognito-local/lib/services/userPoolService.js'
import { UpdateUserAttributes } from 'cognito-local/lib/targets/updateUserAttributes.js'
import { checkPassword } from './password.ts'
import { read, type Operation } from './pool.ts'
import type { Tokens } from './tokens.ts'

const AttributesSchema = Type.Array(Type.Object({ Name: Type.String(), Value: Type.Optional(Type.String()) }))
const TokenSchema = Type.Object({ AccessToken: Type.String() })
const UpdateSchema = Type.Composite([TokenSchema, Type.Object({ UserAttributes: AttributesSchema })])
const VerifySchema = Type.Composite([TokenSchema, Type.Object({ AttributeName: Type.Literal('email'), Code: Type.String() })])
const PasswordSchema = Type.Composite([TokenSchema, Type.Object({ PreviousPassword: Type.String(), ProposedPassword: Type.String() })])

/** Attributes that only Cognito itself may write. */
const readOnlyAttributes = ['sub', 'email_verified', 'phone_number_verified']

/** The operations by which a signed-in user changes the account. */
export function accountOperations (services: Services, tokens: Tokens): Record<string, Operation> {
  const { cognito, messages, otp } = services
  const find = async (...[context, request]: Parameters<Operation>) => {
    const { username, clientId } = tokens.readAccessToken(read(TokenSchema, request).AccessToken)
    const pool = await cognito.getUserPoolForClientId(context, clientId)
    const user = await pool.getUserByUsername(context, username)
    if (user === null) throw new UserNotFoundError()
    return { pool, user, clientId }
  }

  return {
    async UpdateUserAttributes (context, request) {
      const { AccessToken, UserAttributes } = read(UpdateSchema, request)
      checkWritable(UserAttributes)
      const email = attributeValue('email', UserAttributes)
      if (email === undefined) return UpdateUserAttributes(services)(context, { AccessToken, UserAttributes })
      // The old address stays until the new one is verified, as in the pool of deploy/aws.
      const { pool, user, clientId } = await find(context, request)
      const code = otp()
      const details = { AttributeName: 'email' as const, DeliveryMedium: 'EMAIL' as const, Destination: email }
      await pool.saveUser(context, { ...user, UnverifiedAttributeChanges: [attribute('email', email)], AttributeVerificationCode: code })
      await messages.deliver(context, 'UpdateUserAttribute', clientId, pool.options.Id, user, code, undefined, details)
      return { CodeDeliveryDetailsList: [details] }
    },

    async VerifyUserAttribute (context, request) {
      const { Code } = read(VerifySchema, request)
      const { pool, user } = await find(context, request)
      const { UnverifiedAttributeChanges = [], AttributeVerificationCode, ...rest } = user
      if (AttributeVerificationCode !== Code) throw new CodeMismatchError()
      const email = attributeValue('email', UnverifiedAttributeChanges)
      const owner = email === undefined ? null : await pool.getUserByUsername(context, email)
      if (owner !== null && owner.Username !== user.Username) throw new CognitoError('AliasExistsException', 'An account with the email already exists.')
      const attributes = attributesAppend(user.Attributes, ...UnverifiedAttributeChanges, attribute('email_verified', 'true'))
      await pool.saveUser(context, { ...rest, Attributes: attributes })
      return {}
    },

    async ChangePassword (context, request) {
      const { PreviousPassword, ProposedPassword } = read(PasswordSchema, request)
      const { pool, user } = await find(context, request)
      if (user.Password !== PreviousPassword) throw new NotAuthorizedError('Incorrect username or password.')
      checkPassword(ProposedPassword)
      await pool.saveUser(context, { ...user, Password: ProposedPassword })
      return {}
    }
  }
}

/** @throws {NotAuthorizedError} */
export function checkWritable (attributes: Array<{ Name: string }>): void {
  if (attributes.some(({ Name }) => readOnlyAttributes.includes(Name))) throw new NotAuthorizedError('A client attempted to write unauthorized attribute')
}
