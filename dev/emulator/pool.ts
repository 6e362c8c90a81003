import { randomInt } from 'node:crypto'
import { InvalidParameterError, UnsupportedError } from 'cognito-local/lib/errors.js'
import type { Services } from 'cognito-local/lib/services/index.js'
import { CognitoServiceFactoryImpl } from 'cognito-local/lib/services/cognitoService.js'
import type { Context } from 'cognito-local/lib/services/context.js'
import { attributeValue, UserPoolServiceImpl, type User } from 'cognito-local/lib/services/userPoolService.js'
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FileStores } from './store.ts'
import type { Tokens } from './tokens.ts'

/** An operation of Cognito's API. */
export type Operation = (context: Context, request: unknown) => Promise<unknown>

/**
 * A message that Cognito would send. The purpose is cognito-local's, such as `SignUp` or `ForgotPassword`.
 */
export interface Message {
  purpose: string
  email: string
  code: string
}

/** The refresh tokens stored for one user. */
const maxSessions = 200

const quiet = (): void => {}
const logger = { child: () => logger, debug: quiet, error: quiet, info: quiet, warn: quiet }

/** Every part of cognito-local needs a context, for its logger. */
export const context: Context = { logger }

/** A user pool with sign-in by username, subject or e-mail address, ignoring case. */
class UserPool extends UserPoolServiceImpl {
  override async getUserByUsername (context: Context, username: string): Promise<User | null> {
    const wanted = username.toLowerCase()
    const users = await this.listUsers(context)
    return users.find(user => user.Username.toLowerCase() === wanted) ??
      users.find(user => ['sub', 'email'].some(name => attributeValue(name, user.Attributes)?.toLowerCase() === wanted)) ??
      null
  }

  override async storeRefreshToken (context: Context, refreshToken: string, user: User): Promise<void> {
    await this.saveUser(context, { ...user, RefreshTokens: [...user.RefreshTokens, refreshToken].slice(-maxSessions) })
  }
}

/** The parts that cognito-local's operations share; `directory` holds its stores. */
export async function openServices (directory: string, tokenGenerator: Tokens, deliver: (message: Message) => void): Promise<Services> {
  const clock = { get: () => new Date() }
  const stores = new FileStores(directory)
  const userPools = {
    create: async (context: Context, clients: ConstructorParameters<typeof UserPool>[0], defaults: UserPool['options']) => {
      const store = await stores.create(context, defaults.Id, { Users: {}, Options: defaults })
      const options = await store.get(context, 'Options', defaults)
      // As in the pool of deploy/aws, users may set up an authenticator app.
      return new UserPool(clients, clock, store, { ...options, MfaConfiguration: 'OPTIONAL' })
    }
  }
  return {
    clock,
    cognito: await new CognitoServiceFactoryImpl(directory, stores, userPools).create(context, {}),
    config: { LambdaClient: {}, TriggerFunctions: {}, UserPoolDefaults: {}, ServerConfig: {}, TokenConfig: {} },
    messages: {
      deliver: async (_context, purpose, _clientId, _userPoolId, _user, code, _metadata, { Destination }) => deliver({ purpose, email: Destination, code })
    },
    otp: () => `${randomInt(1_000_000)}`.padStart(6, '0'),
    tokenGenerator,
    triggers: {
      enabled: () => false,
      customEmailSender: noTrigger,
      customMessage: noTrigger,
      postAuthentication: noTrigger,
      postConfirmation: noTrigger,
      preSignUp: noTrigger,
      preTokenGeneration: noTrigger,
      userMigration: noTrigger
    }
  }
}

/**
 * The request, checked against the schema of its operation.
 * @throws {InvalidParameterError} that names the invalid parameter
 */
export function read<Schema extends TSchema> (schema: Schema, request: unknown): Static<Schema> {
  if (Value.Check(schema, request)) return request
  const fault = Value.Errors(schema, request).First()
  throw new InvalidParameterError(`${fault?.path.slice(1).replaceAll('/', '.')}: ${fault?.message}`)
}

async function noTrigger (): Promise<never> {
  throw new UnsupportedError('a trigger')
}
