import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { Router } from 'cognito-local/lib/server/Router.js'
import { UserLambdaValidationError } from 'cognito-local/lib/errors.js'
import type { Services } from 'cognito-local/lib/services/index.js'
import { attributesToRecord } from 'cognito-local/lib/services/userPoolService.js'
import { Type } from '@sinclair/typebox'
import type { PostConfirmationEvent } from '../deploy/aws/post-confirmation.ts'
import { accountOperations } from './emulator/account.ts'
import { answer, type Handlers } from './emulator/http.ts'
import { grantClientCredentials } from './emulator/client-credentials.ts'
import { context, openServices, read, type Message } from './emulator/pool.ts'
import { machineClient, seed } from './emulator/seed.ts'
import { checkAccessToken, signInOperations } from './emulator/sign-in.ts'
import { signUpOperations } from './emulator/sign-up.ts'
import { Tokens } from './emulator/tokens.ts'

export { machineClient, seedUsers } from './emulator/seed.ts'

export interface EmulatorOptions {
  /** The folder of the users, the sessions and the signing key. */
  dataDirectory: string
  /** 0 takes a free port. The port is part of the issuer, so another port means other identities. */
  port: number
  /** 127.0.0.1 by default. */
  host?: string
  /** The public address, when it is not the host and port. The issuer begins with it. */
  endpoint?: string
  userPoolId?: string
  clientId?: string
  /** Receives the codes that Cognito would send by e-mail. */
  onMessage?: (message: Message) => void
  /**
   * The Post-Confirmation trigger. A rejection is reported to the caller, and the user stays confirmed, as in
   * Cognito.
   */
  onPostConfirmation?: (event: PostConfirmationEvent) => Promise<void>
}

export interface Emulator {
  /** The value for AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER. */
  endpoint: string
  userPoolId: string
  clientId: string
  close (): Promise<void>
}

const confirmations = new Map<string, PostConfirmationEvent['triggerSource']>([
  ['ConfirmSignUp', 'PostConfirmation_ConfirmSignUp'],
  ['AdminConfirmSignUp', 'PostConfirmation_ConfirmSignUp'],
  ['ConfirmForgotPassword', 'PostConfirmation_ConfirmForgotPassword']
])

const ConfirmationSchema = Type.Object({
  Username: Type.String(),
  ClientId: Type.Optional(Type.String()),
  ClientMetadata: Type.Optional(Type.Record(Type.String(), Type.String()))
})

/**
 * Starts a local Cognito user pool. It is cognito-local with the operations that cognito-local lacks.
 * These are sign-in by SRP, refresh, sign-out, and sign-up as Amplify and the AWS SDKs expect them.
 * @throws {Error} with the code EADDRINUSE when the port is in use
 */
export async function startEmulator (options: EmulatorOptions): Promise<Emulator> {
  const { dataDirectory, port, host = '127.0.0.1', userPoolId = 'local_Articles', clientId = 'articlesdev' } = options
  const handlers = Promise.withResolvers<Handlers>()
  const server = createServer(async (request, response) => answer(request, response, await handlers.promise))
  // Listen first: another emulator on this port may have the data open.
  const listening = await listen(server, port, host)
  const endpoint = options.endpoint ?? `http://${host}:${listening}`
  const issuer = `${endpoint}/${userPoolId}`

  mkdirSync(dataDirectory, { recursive: true })
  const tokens = new Tokens(issuer, dataDirectory)
  const services = await openServices(`${dataDirectory}/pools`, tokens, message => options.onMessage?.(message))
  await seed(services, userPoolId, clientId)
  const operations = new Map(Object.entries({ ...signUpOperations(services), ...signInOperations(services, tokens), ...accountOperations(services, tokens) }))

  handlers.resolve({
    documents: {
      '/health': { ok: true },
      [`/${userPoolId}/.well-known/jwks.json`]: tokens.keySet,
      [`/${userPoolId}/.well-known/openid-configuration`]: {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        token_endpoint: `${endpoint}/oauth2/token`,
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        id_token_signing_alg_values_supported: ['RS256'],
        response_types_supported: ['code', 'token'],
        subject_types_supported: ['public']
      }
    },
    token: (authorization, form) => grantClientCredentials(tokens, [machineClient], authorization, form),
    call: async (name, request) => {
      const operation = operations.get(name) ?? Router(services)(name)
      await checkAccessToken(services, tokens, request)
      const result = await operation(context, request)
      const triggerSource = confirmations.get(name)
      if (triggerSource !== undefined && options.onPostConfirmation !== undefined) {
        await trigger(options.onPostConfirmation, await postConfirmationEvent(services, userPoolId, triggerSource, request))
      }
      return result
    }
  })

  return {
    endpoint,
    userPoolId,
    clientId,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
}

async function listen (server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

async function postConfirmationEvent (
  { cognito }: Services, userPoolId: string, triggerSource: PostConfirmationEvent['triggerSource'], request: unknown
): Promise<PostConfirmationEvent> {
  const { Username, ClientId, ClientMetadata } = read(ConfirmationSchema, request)
  const pool = await cognito.getUserPool(context, userPoolId)
  const user = await pool.getUserByUsername(context, Username)
  return {
    version: '1',
    region: userPoolId.slice(0, userPoolId.indexOf('_')),
    userPoolId,
    userName: user?.Username ?? Username,
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: ClientId ?? null },
    triggerSource,
    request: {
      userAttributes: { ...attributesToRecord(user?.Attributes), 'cognito:user_status': 'CONFIRMED' },
      ...(ClientMetadata !== undefined && { clientMetadata: ClientMetadata })
    },
    response: {}
  }
}

async function trigger (onPostConfirmation: (event: PostConfirmationEvent) => Promise<void>, event: PostConfirmationEvent): Promise<void> {
  try {
    await onPostConfirmation(event)
  } catch (error) {
    throw new UserLambdaValidationError(`PostConfirmation failed with error ${error instanceof Error ? error.message : String(error)}.`)
  }
}
