import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { InvalidParameterError, NotAuthorizedError, UserNotFoundError } from 'cognito-local/lib/errors.js'
import type { Context } from 'cognito-local/lib/services/context.js'
import type { Services } from 'cognito-local/lib/services/index.js'
import type { User, UserPoolService } from 'cognito-local/lib/services/userPoolService.js'
import { InitiateAuth } from 'cognito-local/lib/targets/initiateAuth.js'
import { RespondToAuthChallenge } from 'cognito-local/lib/targets/respondToAuthChallenge.js'
import { context, read, type Operation } from './pool.ts'
import { challenge, type Challenge } from './srp.ts'
import { isOfSession, type Tokens } from './tokens.ts'

const TextsSchema = Type.Record(Type.String(), Type.String())
const InitiateSchema = Type.Object({ ClientId: Type.String(), AuthFlow: Type.String(), AuthParameters: TextsSchema })
const RespondSchema = Type.Object({
  ClientId: Type.String(),
  ChallengeName: Type.String(),
  Session: Type.Optional(Type.String()),
  ChallengeResponses: TextsSchema
})
const PasswordSchema = Type.Object({ USERNAME: Type.String(), PASSWORD: Type.String() })
const SrpSchema = Type.Object({ USERNAME: Type.String(), SRP_A: Type.String() })
const VerifierSchema = Type.Object({
  PASSWORD_CLAIM_SECRET_BLOCK: Type.String(),
  PASSWORD_CLAIM_SIGNATURE: Type.String(),
  TIMESTAMP: Type.String()
})
const RefreshParametersSchema = Type.Object({ REFRESH_TOKEN: Type.String() })
const RefreshSchema = Type.Object({ ClientId: Type.String(), RefreshToken: Type.String() })
const OwnSignOutSchema = Type.Object({ AccessToken: Type.String() })
const AdminSignOutSchema = Type.Object({ UserPoolId: Type.String(), Username: Type.String() })
const SignedInSchema = Type.Object({ AuthenticationResult: Type.Object({ RefreshToken: Type.String() }) })

/** The operations that issue and revoke tokens. */
export function signInOperations (services: Services, tokens: Tokens): Record<string, Operation> {
  const { cognito } = services
  const passwordChallenges = new Pending<{ username: string, challenge: Challenge }>()
  const otherChallenges = new Pending<string>()

  async function initiateAuth (context: Context, request: unknown): Promise<unknown> {
    const { ClientId, AuthFlow, AuthParameters } = read(InitiateSchema, request)
    const pool = await cognito.getUserPoolForClientId(context, ClientId)
    switch (AuthFlow) {
      case 'USER_PASSWORD_AUTH': {
        const { USERNAME, PASSWORD } = read(PasswordSchema, AuthParameters)
        const user = await findEnabled(context, pool, USERNAME)
        if (user.Password !== PASSWORD) throw wrongPassword()
        return signIn(context, user, ClientId)
      }
      case 'USER_SRP_AUTH': {
        const { USERNAME, SRP_A } = read(SrpSchema, AuthParameters)
        return challengePassword(pool.options.Id, await findEnabled(context, pool, USERNAME), SRP_A)
      }
      case 'REFRESH_TOKEN':
      case 'REFRESH_TOKEN_AUTH':
        return refresh(context, ClientId, read(RefreshParametersSchema, AuthParameters).REFRESH_TOKEN)
      default:
        throw new InvalidParameterError(`The emulator has no ${AuthFlow}`)
    }
  }

  async function respondToAuthChallenge (context: Context, request: unknown): Promise<unknown> {
    const response = read(RespondSchema, request)
    const pool = await cognito.getUserPoolForClientId(context, response.ClientId)
    if (response.ChallengeName === 'PASSWORD_VERIFIER') {
      const proof = read(VerifierSchema, response.ChallengeResponses)
      const pending = passwordChallenges.take(proof.PASSWORD_CLAIM_SECRET_BLOCK)
      if (pending?.challenge.verify(proof.TIMESTAMP, proof.PASSWORD_CLAIM_SIGNATURE) !== true) throw wrongPassword()
      return signIn(context, await findEnabled(context, pool, pending.username), response.ClientId)
    }
    const username = otherChallenges.take(response.Session ?? '')
    if (username === undefined) throw new NotAuthorizedError('Invalid session for the user.')
    const complete = { ...response, ChallengeResponses: { ...response.ChallengeResponses, USERNAME: username } }
    return storeRefreshToken(context, pool, username, await RespondToAuthChallenge(services)(context, complete))
  }

  function challengePassword (userPoolId: string, user: User, clientValue: string): unknown {
    const poolName = userPoolId.slice(userPoolId.indexOf('_') + 1)
    const asked = challenge(clientValue, { poolName, userId: user.Username, password: user.Password })
    if (asked === undefined) throw new InvalidParameterError('SRP_A is invalid')
    passwordChallenges.put(asked.secretBlock, { username: user.Username, challenge: asked })
    return {
      ChallengeName: 'PASSWORD_VERIFIER',
      ChallengeParameters: {
        USERNAME: user.Username,
        USER_ID_FOR_SRP: user.Username,
        SALT: asked.salt,
        SRP_B: asked.publicValue,
        SECRET_BLOCK: asked.secretBlock
      }
    }
  }

  /** Continues a sign-in after the password was verified. */
  async function signIn (context: Context, user: User, clientId: string): Promise<unknown> {
    const AuthParameters = { USERNAME: user.Username, PASSWORD: user.Password }
    const result = await InitiateAuth(services)(context, { ClientId: clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters })
    if (result.Session !== undefined) otherChallenges.put(result.Session, user.Username)
    return result
  }

  // cognito-local does not store the refresh token after a challenge.
  async function storeRefreshToken (context: Context, pool: UserPoolService, username: string, result: unknown): Promise<unknown> {
    const user = await pool.getUserByUsername(context, username)
    if (user !== null && Value.Check(SignedInSchema, result)) await pool.storeRefreshToken(context, result.AuthenticationResult.RefreshToken, user)
    return result
  }

  async function refresh (context: Context, clientId: string, refreshToken: string): Promise<unknown> {
    const pool = await cognito.getUserPoolForClientId(context, clientId)
    const client = await cognito.getAppClient(context, clientId)
    const user = await pool.getUserByRefreshToken(context, refreshToken)
    if (client === null || user === null) throw new NotAuthorizedError('Refresh Token has been revoked')
    if (!user.Enabled) throw new NotAuthorizedError('User is disabled.')
    const groups = await pool.listUserGroupMembership(context, user)
    return { AuthenticationResult: tokens.refresh(refreshToken, user, groups, client), ChallengeParameters: {} }
  }

  async function signOut (context: Context, pool: UserPoolService, username: string): Promise<unknown> {
    const user = await pool.getUserByUsername(context, username)
    if (user === null) throw new UserNotFoundError('User does not exist.')
    await pool.saveUser(context, { ...user, RefreshTokens: [] })
    return {}
  }

  return {
    InitiateAuth: initiateAuth,
    RespondToAuthChallenge: respondToAuthChallenge,
    AdminInitiateAuth: (context, request) => {
      const details = read(InitiateSchema, request)
      const AuthFlow = details.AuthFlow.replace(/^ADMIN_(NO_SRP_AUTH|USER_PASSWORD_AUTH)$/, 'USER_PASSWORD_AUTH')
      return initiateAuth(context, { ...details, AuthFlow })
    },
    AdminRespondToAuthChallenge: respondToAuthChallenge,
    GetTokensFromRefreshToken: (context, request) => {
      const { ClientId, RefreshToken } = read(RefreshSchema, request)
      return refresh(context, ClientId, RefreshToken)
    },
    GlobalSignOut: async (context, request) => {
      const { username, clientId } = tokens.readAccessToken(read(OwnSignOutSchema, request).AccessToken)
      return signOut(context, await cognito.getUserPoolForClientId(context, clientId), username)
    },
    AdminUserGlobalSignOut: async (context, request) => {
      const { UserPoolId, Username } = read(AdminSignOutSchema, request)
      return signOut(context, await cognito.getUserPool(context, UserPoolId), Username)
    }
  }
}

/**
 * Checks the access token in the body of a request. Cognito rejects the tokens of a session that was signed
 * out or revoked.
 * @throws {NotAuthorizedError}
 */
export async function checkAccessToken ({ cognito }: Services, tokens: Tokens, request: unknown): Promise<void> {
  if (!Value.Check(OwnSignOutSchema, request)) return
  const { username, clientId, originJti } = tokens.readAccessToken(request.AccessToken)
  const pool = await cognito.getUserPoolForClientId(context, clientId)
  const user = await pool.getUserByUsername(context, username)
  if (user === null) throw new UserNotFoundError('User does not exist.')
  if (!user.RefreshTokens.some(token => isOfSession(token, originJti))) throw new NotAuthorizedError('Access Token has been revoked')
}

/** The challenges without a response yet. Each can be used once. */
class Pending<Value> {
  readonly #values = new Map<string, Value>()

  put (key: string, value: Value): void {
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > maxPending && oldest !== undefined) this.#values.delete(oldest)
  }

  take (key: string): Value | undefined {
    const value = this.#values.get(key)
    this.#values.delete(key)
    return value
  }
}

/** The oldest challenge is dropped beyond this number. */
const maxPending = 1_000

async function findEnabled (context: Context, pool: UserPoolService, username: string): Promise<User> {
  const user = await pool.getUserByUsername(context, username)
  if (user === null) throw wrongPassword()
  if (!user.Enabled) throw new NotAuthorizedError('User is disabled.')
  return user
}

// Cognito does not reveal which of the two is wrong.
function wrongPassword (): Error {
  return new NotAuthorizedError('Incorrect username or password.')
}
