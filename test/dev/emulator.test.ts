// The service and the emulator of Cognito, called through the AWS SDK.

import { createHash, createHmac, getDiffieHellman, hkdfSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AdminAddUserToGroupCommand, AdminCreateUserCommand, AdminUserGlobalSignOutCommand, CognitoIdentityProviderClient, ConfirmForgotPasswordCommand,
  ConfirmSignUpCommand, ForgotPasswordCommand, GetTokensFromRefreshTokenCommand, GetUserCommand, GlobalSignOutCommand, InitiateAuthCommand,
  ListUsersCommand, ResendConfirmationCodeCommand, RespondToAuthChallengeCommand, RevokeTokenCommand, SignUpCommand, type AuthenticationResultType
} from '@aws-sdk/client-cognito-identity-provider'
import t, { type Test } from 'tap'
import type { PostConfirmationEvent } from '../../deploy/aws/post-confirmation.ts'
import { seedUsers, startEmulator, type Emulator, type EmulatorOptions } from '../../dev/emulator.ts'
import { bearer, startApp, type TestApp } from '../support/app.ts'

interface TestCognito extends Emulator {
  sdk: CognitoIdentityProviderClient
  /** The codes sent, the last one last. */
  codes: string[]
  dataDirectory: string
}

const password = 'Correct-horse-1'

async function startCognito (t: Test, options: Partial<EmulatorOptions> = {}): Promise<TestCognito> {
  const dataDirectory = options.dataDirectory ?? await mkdtemp(join(tmpdir(), 'cognito-'))
  t.teardown(() => rm(dataDirectory, { recursive: true, force: true }))
  const codes: string[] = []
  const emulator = await startEmulator({ port: 0, ...options, dataDirectory, onMessage: ({ code }) => { codes.push(code) } })
  t.teardown(() => emulator.close())
  const sdk = new CognitoIdentityProviderClient({
    endpoint: emulator.endpoint, region: 'local', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1
  })
  t.teardown(() => sdk.destroy())
  return { ...emulator, sdk, codes, dataDirectory }
}

/** The service over an emulator. */
function startService (t: Test, { userPoolId, clientId, endpoint }: Emulator): Promise<TestApp> {
  return startApp(t, { AWS_USER_POOLS_ID: userPoolId, AWS_APP_CLIENT_ID: clientId, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: endpoint })
}

async function signUp ({ sdk, clientId, codes }: TestCognito, username: string): Promise<void> {
  const email = `${username}@example.com`
  await sdk.send(new SignUpCommand({ ClientId: clientId, Username: username, Password: password, UserAttributes: [{ Name: 'email', Value: email }] }))
  await sdk.send(new ConfirmSignUpCommand({ ClientId: clientId, Username: username, ConfirmationCode: codes.at(-1) }))
}

async function signIn ({ sdk, clientId }: TestCognito, username: string, secret = password): Promise<Required<AuthenticationResultType>> {
  return complete((await sdk.send(new InitiateAuthCommand({
    ClientId: clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD: secret }
  }))).AuthenticationResult)
}

async function refresh ({ sdk, clientId }: TestCognito, refreshToken: string): Promise<AuthenticationResultType> {
  const { AuthenticationResult = {} } = await sdk.send(new GetTokensFromRefreshTokenCommand({ ClientId: clientId, RefreshToken: refreshToken }))
  return AuthenticationResult
}

function complete (tokens: AuthenticationResultType = {}): Required<AuthenticationResultType> {
  const { IdToken = '', AccessToken = '', RefreshToken = '', ExpiresIn = 0, TokenType = '', NewDeviceMetadata = {} } = tokens
  return { IdToken, AccessToken, RefreshToken, ExpiresIn, TokenType, NewDeviceMetadata }
}

function claims (token = ''): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/**
 * A whole sign-in without the password leaving the client; written apart from the emulator's half, as
 * amazon-cognito-identity-js has it.
 */
async function signInBySrp ({ sdk, clientId, userPoolId }: TestCognito, username: string, secret = password): Promise<Required<AuthenticationResultType>> {
  const modulus = BigInt(`0x${getDiffieHellman('modp15').getPrime('hex')}`)
  const a = BigInt(`0x${randomBytes(128).toString('hex')}`)
  const clientValue = power(2n, a, modulus)
  const { ChallengeName, ChallengeParameters: parameters = {} } = await sdk.send(new InitiateAuthCommand({
    ClientId: clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: username, SRP_A: clientValue.toString(16) }
  }))
  const { SALT, SRP_B, USER_ID_FOR_SRP: userId = '', SECRET_BLOCK: block = '', USERNAME: canonical = '' } = parameters
  const serverValue = BigInt(`0x${SRP_B}`)
  const poolName = userPoolId.split('_')[1] ?? ''

  const u = sha256(padded(clientValue) + padded(serverValue))
  const x = sha256(padded(BigInt(`0x${SALT}`)) + createHash('sha256').update(`${poolName}${userId}:${secret}`).digest('hex'))
  const k = sha256(padded(modulus) + padded(2n))
  const base = (serverValue - k * power(2n, x, modulus) % modulus + modulus) % modulus
  const shared = power(base, a + u * x, modulus)
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(padded(shared), 'hex'), Buffer.from(padded(u), 'hex'), 'Caldera Derived Key', 16))

  const timestamp = 'Mon Nov 23 08:00:00 UTC 2026'
  const signature = createHmac('sha256', key)
    .update(Buffer.concat([Buffer.from(poolName), Buffer.from(userId), Buffer.from(block, 'base64'), Buffer.from(timestamp)])).digest('base64')
  return complete((await sdk.send(new RespondToAuthChallengeCommand({
    ClientId: clientId,
    ChallengeName,
    ChallengeResponses: { USERNAME: canonical, PASSWORD_CLAIM_SECRET_BLOCK: block, TIMESTAMP: timestamp, PASSWORD_CLAIM_SIGNATURE: signature }
  }))).AuthenticationResult)
}

function power (base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) result = result * result % modulus * (bit === '1' ? base : 1n) % modulus
  return result
}

function sha256 (hex: string): bigint {
  return BigInt(`0x${createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')}`)
}

function padded (value: bigint): string {
  const hex = value.toString(16)
  return hex.length % 2 === 1 ? `0${hex}` : '89abcdef'.includes(hex[0] ?? '') ? `00${hex}` : hex
}

t.test('the emulator signs a user up and in, and the service accepts its tokens', async t => {
  const cognito = await startCognito(t)
  const { app } = await startService(t, cognito)
  const { sdk, clientId, codes } = cognito
  const user = { ClientId: clientId, Username: 'carol' }

  const { UserConfirmed, UserSub, CodeDeliveryDetails } = await sdk.send(new SignUpCommand({
    ...user, Password: password, UserAttributes: [{ Name: 'email', Value: 'carol@example.com' }]
  }))
  t.equal(UserConfirmed, false)
  t.match(CodeDeliveryDetails, { DeliveryMedium: 'EMAIL', Destination: 'carol@example.com' })
  await t.rejects(signIn(cognito, 'carol'), { name: 'UserNotConfirmedException' })
  await t.rejects(sdk.send(new ConfirmSignUpCommand({ ...user, ConfirmationCode: 'wrong' })), { name: 'CodeMismatchException' })
  await sdk.send(new ResendConfirmationCodeCommand(user))
  t.equal(codes.length, 2)
  await sdk.send(new ConfirmSignUpCommand({ ...user, ConfirmationCode: codes.at(-1) }))
  await t.rejects(sdk.send(new ResendConfirmationCodeCommand(user)), { name: 'InvalidParameterException' })

  const { IdToken, AccessToken } = await signIn(cognito, 'Carol@Example.com')
  const first = await app.inject({ url: '/me', headers: bearer(AccessToken) })
  t.match(first.json(), { username: 'carol', email: null, sub: UserSub }, 'an access token has no e-mail address')

  const created = await app.inject({ method: 'POST', url: '/articles', headers: bearer(IdToken), payload: { name: 'First' } })
  t.equal(created.statusCode, 201)
  const listed = await app.inject({ url: '/articles', headers: bearer(AccessToken) })
  t.equal(listed.statusCode, 200)
  t.match(listed.json(), [{ id: 1, name: 'First', author: 'carol' }])
  t.equal(listed.json().length, 1)
  const me = await app.inject({ url: '/me', headers: bearer(AccessToken) })
  t.match(me.json(), { username: 'carol', email: 'carol@example.com', sub: UserSub, groups: [] })
})

t.test('tokens of the emulator have the claims of Cognito', async t => {
  const cognito = await startCognito(t)
  const { sub, email } = seedUsers.alice
  const { IdToken, AccessToken, ExpiresIn, TokenType } = await signIn(cognito, 'alice', seedUsers.alice.password)
  const [id, access] = [claims(IdToken), claims(AccessToken)]
  const shared = { sub, iss: `${cognito.endpoint}/${cognito.userPoolId}`, 'cognito:groups': ['authors'] }
  t.match(id, { ...shared, aud: cognito.clientId, token_use: 'id', 'cognito:username': 'alice', email, email_verified: true })
  t.match(access, { ...shared, client_id: cognito.clientId, token_use: 'access', username: 'alice', scope: 'aws.cognito.signin.user.admin' })
  t.match(id.origin_jti, /^[0-9a-f-]{36}$/)
  t.equal(id.origin_jti, access.origin_jti)
  t.equal(id.auth_time, id.iat)
  t.not(id.jti, access.jti)
  t.strictSame([ExpiresIn, TokenType], [3600, 'Bearer'])

  const other = claims((await signIn(cognito, 'alice', seedUsers.alice.password)).IdToken)
  t.not(other.origin_jti, id.origin_jti)
})

t.test('the emulator accepts a sign-in by SRP without the password', async t => {
  const cognito = await startCognito(t)
  const { app } = await startService(t, cognito)
  // The padding of a number depends on its first bit: once is not enough.
  for (let round = 0; round < 8; round++) {
    const { IdToken } = await signInBySrp(cognito, 'alice@example.com', seedUsers.alice.password)
    const me = await app.inject({ url: '/me', headers: bearer(IdToken) })
    t.match(me.json(), { username: 'alice', groups: ['authors'] })
  }
  await t.rejects(signInBySrp(cognito, 'alice', 'Wrong-password-1'), { name: 'NotAuthorizedException' })
  await t.rejects(signInBySrp(cognito, 'nobody', password), { name: 'NotAuthorizedException' })
  await t.rejects(cognito.sdk.send(new InitiateAuthCommand({
    ClientId: cognito.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: 'alice', SRP_A: '0' }
  })), { name: 'InvalidParameterException' }, 'a key that anyone could compute')
})

t.test('a refresh at the emulator keeps the session', async t => {
  const cognito = await startCognito(t)
  const { app } = await startService(t, cognito)
  const first = await signInBySrp(cognito, 'alice', seedUsers.alice.password)
  const before = claims(first.IdToken)
  // Cognito counts in seconds.
  await new Promise(resolve => setTimeout(resolve, 1_100))

  const renewed = await refresh(cognito, first.RefreshToken)
  const byInitiateAuth = await cognito.sdk.send(new InitiateAuthCommand({
    ClientId: cognito.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: first.RefreshToken }
  }))
  for (const tokens of [renewed, byInitiateAuth.AuthenticationResult]) {
    for (const token of [tokens?.IdToken, tokens?.AccessToken]) {
      t.match(claims(token), { origin_jti: before.origin_jti, auth_time: before.auth_time })
      t.not(claims(token).iat, before.iat)
      const me = await app.inject({ url: '/me', headers: bearer(token ?? '') })
      t.equal(me.statusCode, 200)
    }
    t.equal(tokens?.RefreshToken, undefined)
  }
  await t.rejects(refresh(cognito, `${first.RefreshToken}x`), { name: 'NotAuthorizedException' })
})

t.test('GlobalSignOut at the emulator ends all sessions of this user only', async t => {
  const cognito = await startCognito(t)
  const { sdk, userPoolId } = cognito
  const admin = await signIn(cognito, 'admin', seedUsers.admin.password)
  const ends = [
    ({ AccessToken }: AuthenticationResultType) => sdk.send(new GlobalSignOutCommand({ AccessToken })),
    () => sdk.send(new AdminUserGlobalSignOutCommand({ UserPoolId: userPoolId, Username: seedUsers.alice.sub }))
  ]
  for (const end of ends) {
    const sessions = [await signIn(cognito, 'alice', seedUsers.alice.password), await signIn(cognito, 'alice', seedUsers.alice.password)]
    await end(sessions[0] ?? {})
    for (const { AccessToken, RefreshToken } of sessions) {
      await t.rejects(refresh(cognito, RefreshToken), { name: 'NotAuthorizedException' })
      await t.rejects(sdk.send(new GetUserCommand({ AccessToken })), { name: 'NotAuthorizedException' })
    }
  }
  t.ok((await refresh(cognito, admin.RefreshToken)).IdToken)
  await t.rejects(sdk.send(new GlobalSignOutCommand({ AccessToken: `${admin.AccessToken}x` })), { name: 'NotAuthorizedException' })
  await t.rejects(sdk.send(new AdminUserGlobalSignOutCommand({ UserPoolId: userPoolId, Username: 'nobody' })), { name: 'UserNotFoundException' })
})

t.test('RevokeToken at the emulator ends only the session of the token', async t => {
  const cognito = await startCognito(t)
  const { sdk, clientId } = cognito
  const [revoked, kept] = [await signIn(cognito, 'alice', seedUsers.alice.password), await signIn(cognito, 'alice', seedUsers.alice.password)]
  await sdk.send(new RevokeTokenCommand({ ClientId: clientId, Token: revoked.RefreshToken }))
  await t.rejects(refresh(cognito, revoked.RefreshToken), { name: 'NotAuthorizedException' })
  await t.rejects(sdk.send(new GetUserCommand({ AccessToken: revoked.AccessToken })), { name: 'NotAuthorizedException' })
  t.ok((await refresh(cognito, kept.RefreshToken)).IdToken)
  t.equal((await sdk.send(new GetUserCommand({ AccessToken: kept.AccessToken }))).Username, 'alice')
})

t.test('the emulator resets a forgotten password', async t => {
  const cognito = await startCognito(t)
  const { sdk, clientId, codes } = cognito
  const user = { ClientId: clientId, Username: 'carol' }
  await signUp(cognito, 'carol')
  const change = (ConfirmationCode: string | undefined) => sdk.send(new ConfirmForgotPasswordCommand({ ...user, ConfirmationCode, Password: 'Another-horse-2' }))

  await t.rejects(change('123456'), { name: 'CodeMismatchException' }, 'without having asked for a code')
  await sdk.send(new ForgotPasswordCommand(user))
  await t.rejects(change('wrong'), { name: 'CodeMismatchException' })
  await change(codes.at(-1))
  await t.rejects(signIn(cognito, 'carol'), { name: 'NotAuthorizedException' })
  t.ok((await signInBySrp(cognito, 'carol', 'Another-horse-2')).IdToken)

  const unconfirmed = { ClientId: clientId, Username: 'dora' }
  await sdk.send(new SignUpCommand({ ...unconfirmed, Password: password, UserAttributes: [{ Name: 'email', Value: 'dora@example.com' }] }))
  await t.rejects(sdk.send(new ForgotPasswordCommand(unconfirmed)), { name: 'InvalidParameterException' })
  await t.rejects(sdk.send(new ConfirmForgotPasswordCommand({ ...unconfirmed, ConfirmationCode: codes.at(-1), Password: password })), { name: 'CodeMismatchException' })
})

t.test('a user created by an administrator chooses a password at the emulator and has a group', async t => {
  const cognito = await startCognito(t)
  const { app } = await startService(t, cognito)
  const { sdk, clientId, userPoolId, codes } = cognito
  await sdk.send(new AdminCreateUserCommand({
    UserPoolId: userPoolId,
    Username: 'dora',
    DesiredDeliveryMediums: ['EMAIL'],
    UserAttributes: [{ Name: 'email', Value: 'dora@example.com' }, { Name: 'email_verified', Value: 'true' }]
  }))
  await sdk.send(new AdminAddUserToGroupCommand({ UserPoolId: userPoolId, Username: 'dora', GroupName: 'admin' }))
  const { ChallengeName, Session } = await sdk.send(new InitiateAuthCommand({
    ClientId: clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'dora', PASSWORD: codes.at(-1) ?? '' }
  }))
  t.equal(ChallengeName, 'NEW_PASSWORD_REQUIRED')
  const answer = (session: string | undefined) => sdk.send(new RespondToAuthChallengeCommand({
    ClientId: clientId, ChallengeName, Session: session, ChallengeResponses: { USERNAME: 'dora', NEW_PASSWORD: password }
  }))
  await t.rejects(answer('11111111-1111-4111-8111-111111111111'), { name: 'NotAuthorizedException' }, 'a session that nobody began')
  const tokens = complete((await answer(Session)).AuthenticationResult)
  const me = await app.inject({ url: '/me', headers: bearer(tokens.IdToken) })
  t.match(me.json(), { username: 'dora', groups: ['admin'] })
  t.ok((await refresh(cognito, tokens.RefreshToken)).IdToken)
})

t.test('the emulator rejects the sign-ups that Cognito rejects', async t => {
  const { sdk, clientId } = await startCognito(t)
  const attempt = (Username: string, Password: string, ...UserAttributes: Array<{ Name: string, Value: string }>) =>
    sdk.send(new SignUpCommand({ ClientId: clientId, Username, Password, UserAttributes }))
  const email = { Name: 'email', Value: 'eve@example.com' }
  await t.rejects(attempt('eve', 'too-weak', email), { name: 'InvalidPasswordException' })
  await t.rejects(attempt('ALICE', password, email), { name: 'UsernameExistsException' })
  await t.rejects(attempt('eve', password, { Name: 'email', Value: 'Alice@example.com' }), { name: 'UsernameExistsException' })
  await t.rejects(attempt('eve', password, email, { Name: 'email_verified', Value: 'true' }), { name: 'NotAuthorizedException' })
  await t.rejects(attempt('eve', password, email, { Name: 'sub', Value: seedUsers.alice.sub }), { name: 'NotAuthorizedException' })
  await t.rejects(sdk.send(new SignUpCommand({ ClientId: 'another', Username: 'eve', Password: password })), { name: 'ResourceNotFoundException' })
})

t.test('the emulator calls the Post-Confirmation trigger as Cognito does, and reports its failure', async t => {
  const events: PostConfirmationEvent[] = []
  const failures: string[] = []
  const cognito = await startCognito(t, {
    onPostConfirmation: async event => {
      events.push(event)
      // A trigger may call Cognito.
      await cognito.sdk.send(new AdminAddUserToGroupCommand({ UserPoolId: event.userPoolId, Username: event.userName, GroupName: 'authors' }))
      if (failures[0] !== undefined) throw new Error(failures[0])
    }
  })
  const { sdk, clientId, userPoolId, codes } = cognito
  await signUp(cognito, 'carol')
  const { sub, 'cognito:groups': groups } = claims((await signIn(cognito, 'carol')).IdToken)
  const userAttributes = { sub, email: 'carol@example.com', email_verified: 'true', 'cognito:user_status': 'CONFIRMED' }
  const event = { version: '1', region: 'local', userPoolId, userName: 'carol', callerContext: { clientId }, response: {} }
  t.match(events, [{ ...event, triggerSource: 'PostConfirmation_ConfirmSignUp', request: { userAttributes } }])
  t.strictSame(groups, ['authors'])

  await sdk.send(new ForgotPasswordCommand({ ClientId: clientId, Username: 'carol' }))
  await sdk.send(new ConfirmForgotPasswordCommand({ ClientId: clientId, Username: 'carol', ConfirmationCode: codes.at(-1), Password: password }))
  t.match(events[1], { ...event, triggerSource: 'PostConfirmation_ConfirmForgotPassword', request: { userAttributes } })

  failures.push('the service is down')
  await t.rejects(signUp(cognito, 'dora'), { name: 'UserLambdaValidationException', message: 'PostConfirmation failed with error the service is down.' })
  t.ok((await signIn(cognito, 'dora')).IdToken, 'confirmed all the same')
})

t.test('concurrent sign-ups and sign-ins at the emulator survive a restart', async t => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'cognito-'))
  const first = await startCognito(t, { dataDirectory })
  const names = Array.from({ length: 20 }, (_, index) => `user${index}`)
  await Promise.all(names.map(name => first.sdk.send(new SignUpCommand({
    ClientId: first.clientId, Username: name, Password: password, UserAttributes: [{ Name: 'email', Value: `${name}@example.com` }]
  }))))
  const sessions = await Promise.all(Array.from({ length: 20 }, () => signIn(first, 'alice', seedUsers.alice.password)))
  const keys = await (await fetch(`${first.endpoint}/${first.userPoolId}/.well-known/jwks.json`)).text()
  await first.close()

  const second = await startCognito(t, { dataDirectory })
  const { Users = [] } = await second.sdk.send(new ListUsersCommand({ UserPoolId: second.userPoolId }))
  t.strictSame(Users.map(({ Username }) => Username).sort(), [...names, 'admin', 'alice'].sort())
  const renewed = await Promise.all(sessions.map(({ RefreshToken }) => refresh(second, RefreshToken)))
  t.ok(renewed.every(({ IdToken }) => IdToken))
  t.equal(await (await fetch(`${second.endpoint}/${second.userPoolId}/.well-known/jwks.json`)).text(), keys)
})

t.test('sign-ins that reach the emulator in one packet all create a session', async t => {
  const cognito = await startCognito(t)
  const { username: USERNAME, password: PASSWORD } = seedUsers.alice
  const body = JSON.stringify({ ClientId: cognito.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD } })
  const head = ['POST / HTTP/1.1', 'host: cognito', 'x-amz-target: AWSCognitoIdentityProviderService.InitiateAuth', `content-length: ${body.length}`, '', '']
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(cognito.endpoint).port) })
  t.teardown(() => socket.destroy())
  socket.write(`${head.join('\r\n')}${body}`.repeat(10))
  let answers = ''
  for await (const chunk of socket) {
    answers += chunk
    if (answers.split('"TokenType"').length > 10) break
  }
  const refreshTokens = Array.from(answers.matchAll(/"RefreshToken":"([^"]+)"/g), ([, token = '']) => token)
  t.equal(refreshTokens.length, 10)
  for (const token of refreshTokens) t.ok((await refresh(cognito, token)).IdToken)
})

t.test('every emulator has its own signing key, never the published key of cognito-local', async t => {
  const published: unknown = JSON.parse(await readFile(new URL('../../node_modules/cognito-local/lib/keys/cognitoLocal.public.json', import.meta.url), 'utf8'))
  const moduli = await Promise.all(['one', 'other'].map(async () => {
    const { endpoint, userPoolId } = await startCognito(t)
    const { keys } = JSON.parse(await (await fetch(`${endpoint}/${userPoolId}/.well-known/jwks.json`)).text())
    t.match(keys, [{ kty: 'RSA', alg: 'RS256', use: 'sig', e: 'AQAB' }])
    t.strictSame(Object.keys(keys[0]).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
    return keys[0].n
  }))
  t.equal(new Set(moduli).size, 2)
  t.match(published, { jwk: { kty: 'RSA', n: /^2uLO7yh1/ } })
  t.notOk(moduli.some(n => n.startsWith('2uLO7yh1')))
})

t.test('the emulator allows requests from any origin', async t => {
  const { endpoint, clientId } = await startCognito(t)
  const asked = 'cache-control,content-type,x-amz-target,x-amz-user-agent'
  const preflight = await fetch(endpoint, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST', 'access-control-request-headers': asked }
  })
  t.equal(preflight.status, 204)
  t.equal(preflight.headers.get('access-control-allow-origin'), '*')
  t.equal(preflight.headers.get('access-control-allow-headers'), asked)
  t.match(preflight.headers.get('access-control-allow-methods'), 'POST')

  const refused = await fetch(endpoint, {
    method: 'POST',
    headers: { origin: 'http://localhost:5173', 'x-amz-target': 'AWSCognitoIdentityProviderService.InitiateAuth' },
    body: JSON.stringify({ ClientId: clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'alice', PASSWORD: 'wrong' } })
  })
  t.equal(refused.status, 400)
  t.equal(refused.headers.get('access-control-allow-origin'), '*')
  t.match(await refused.json(), { __type: 'NotAuthorizedException', message: 'Incorrect username or password.' })
})

t.test('the emulator rejects requests that are not requests to Cognito', async t => {
  const { endpoint } = await startCognito(t)
  const post = async (operation: string, body: string) => {
    const response = await fetch(endpoint, { method: 'POST', headers: { 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` }, body })
    return [response.status, await response.json()]
  }
  t.match(await post('DescribeNothing', '{}'), [400, { __type: 'UnknownOperationException' }])
  t.match(await post('toString', '{}'), [400, { __type: 'UnknownOperationException' }])
  t.match(await post('InitiateAuth', '{'), [400, { __type: 'SerializationException' }])
  t.match(await post('InitiateAuth', '{}'), [400, { __type: 'InvalidParameterException', message: /ClientId/ }])
  t.match(await post('InitiateAuth', `"${'x'.repeat(1024 * 1024)}"`), [400, { __type: 'SerializationException' }])
  t.equal((await fetch(`${endpoint}/nothing`)).status, 404)
})

t.test('the emulator rejects a port in use with its error code, and keeps its data', async t => {
  const { endpoint } = await startCognito(t)
  const dataDirectory = join(tmpdir(), `cognito-never-made-${process.pid}`)
  await t.rejects(startEmulator({ dataDirectory, port: Number(new URL(endpoint).port) }), { code: 'EADDRINUSE' })
  await t.rejects(readFile(join(dataDirectory, 'signing-key.pem')), { code: 'ENOENT' })
})
