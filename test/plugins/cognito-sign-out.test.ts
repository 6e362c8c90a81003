import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { CognitoIdentityProviderClient, InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider'
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { seedUsers, startEmulator } from '../../dev/emulator.ts'
import { startApp, startPool, type TestApp } from '../support/app.ts'
import { administrator, codes, person, personWith } from '../support/people.ts'
import { until, type UserPool } from '../support/user-pool.ts'

const day = 24 * 3_600_000
const tenYears = 3_650 * day

/** Credentials, or none, for as long as the test runs; and none of whoever runs it. */
function useCredentials (t: Test, credentials: { AWS_ACCESS_KEY_ID?: string, AWS_SECRET_ACCESS_KEY?: string } = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' }): void {
  const names = Object.keys(process.env).filter(name => name.startsWith('AWS_') && name !== 'AWS_EC2_METADATA_DISABLED')
  const before = names.map(name => [name, process.env[name]] as const)
  for (const name of names) delete process.env[name]
  Object.assign(process.env, { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', ...credentials })
  t.teardown(() => {
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', ...Object.keys(credentials)]) delete process.env[name]
    Object.assign(process.env, Object.fromEntries(before))
  })
}

interface Call { target: string, body: unknown, authorization: string }

interface Started extends TestApp {
  /** The calls of Cognito's API. */
  calls: Call[]
}

const answers = (status: number, body: object) => (response: ServerResponse) => response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))

/** The service over a pool that also has Cognito's API, whose calls are answered so. */
async function start (t: Test, answer: (response: ServerResponse) => unknown = answers(200, {})): Promise<Started> {
  const pool = await startPool(t)
  const calls: Call[] = []
  pool.answer = async (request, response) => {
    if (request.method !== 'POST') return pool.publish(request, response)
    const { authorization = '', 'x-amz-target': target } = request.headers
    calls.push({ target: `${target}`, body: JSON.parse(await text(request)), authorization })
    answer(response)
  }
  return { ...await startApp(t, {}, pool), calls }
}

/** How long a sign-out is still remembered, in milliseconds. */
async function remembered (app: FastifyInstance): Promise<number> {
  const { expires_at: expiresAt } = await app.db.selectFrom('sign_outs').select('expires_at').executeTakeFirstOrThrow()
  return Date.parse(expiresAt) - Date.now()
}

function isAbout (actual: number, expected: number): boolean {
  return Math.abs(actual - expected) < 60_000
}

function failures (log: string[]): Record<string, unknown>[] {
  return log.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'sessions were ended here, but not at Cognito')
}

async function signOut (app: FastifyInstance, pool: UserPool, username = 'alice'): Promise<number> {
  return (await person(app, pool, username).request('POST', '/me/sign-out')).statusCode
}

t.test('a sign-out ends the sessions at Cognito too, and is then remembered for the life of a token', async t => {
  useCredentials(t)
  const { app, pool, calls } = await start(t)
  t.equal(await signOut(app, pool), 204)
  await until(async () => isAbout(await remembered(app), day))
  t.match(calls, [{
    target: 'AWSCognitoIdentityProviderService.AdminUserGlobalSignOut',
    authorization: /^AWS4-HMAC-SHA256 Credential=nobody\/\d{8}\/eu-west-1\/cognito-idp\/aws4_request, /
  }])
  t.strictSame(calls[0]?.body, { UserPoolId: pool.id, Username: 'subject-of-alice' })
  t.strictSame(codes(await person(app, pool, 'alice', { auth_time: Math.floor(Date.now() / 1000) - 60 }).request('GET', '/me')), [401, 'invalid_auth_token'])

  t.test('also where an administrator asks for it', async t => {
    await person(app, pool, 'bob').request('GET', '/me')
    const { statusCode } = await administrator(app, pool).request('POST', '/admin/users/2/sign-out')
    t.equal(statusCode, 204)
    await until(() => calls.length === 2)
    t.strictSame(calls[1]?.body, { UserPoolId: pool.id, Username: 'subject-of-bob' })
  })
})

t.test('after a sign-out, Cognito’s refresh tokens give no new tokens', async t => {
  useCredentials(t)
  const emulator = await startEmulator({ dataDirectory: t.testdir(), port: 0 })
  t.teardown(() => emulator.close())
  const { app } = await startApp(t, { AWS_USER_POOLS_ID: emulator.userPoolId, AWS_APP_CLIENT_ID: emulator.clientId, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: emulator.endpoint })
  const sdk = new CognitoIdentityProviderClient({ region: 'local', endpoint: emulator.endpoint })
  t.teardown(() => sdk.destroy())
  const initiate = async (AuthFlow: 'USER_PASSWORD_AUTH' | 'REFRESH_TOKEN_AUTH', AuthParameters: Record<string, string>) =>
    (await sdk.send(new InitiateAuthCommand({ ClientId: emulator.clientId, AuthFlow, AuthParameters }))).AuthenticationResult ?? {}

  const { username, password } = seedUsers.alice
  const { IdToken: token = '', RefreshToken: refreshToken = '' } = await initiate('USER_PASSWORD_AUTH', { USERNAME: username, PASSWORD: password })
  const refresh = () => initiate('REFRESH_TOKEN_AUTH', { REFRESH_TOKEN: refreshToken })
  const alice = personWith(app, token)
  t.equal((await alice.request('GET', '/me')).statusCode, 200)
  t.match(await refresh(), { IdToken: String })

  t.equal((await alice.request('POST', '/me/sign-out')).statusCode, 204)
  t.strictSame(codes(await alice.request('GET', '/me')), [401, 'invalid_auth_token'])
  await until(async () => isAbout(await remembered(app), day))
  await t.rejects(refresh(), { name: 'NotAuthorizedException' })
})

t.test('without AWS credentials, sessions are ended here alone, and Cognito is not asked', async t => {
  useCredentials(t, {})
  const { app, pool, calls, log } = await start(t)
  t.equal(await signOut(app, pool), 204)
  await until(() => failures(log).length === 1)
  t.match(failures(log), [{ level: 30, err: { type: 'CredentialsProviderError' } }])
  t.ok(isAbout(await remembered(app), tenYears), 'for as long as a refresh token may live')

  t.equal(await signOut(app, pool, 'bob'), 204)
  t.equal(failures(log).length, 1, 'nor looked for credentials again, for now')

  // Ten minutes later by the monotonic clock.
  useCredentials(t)
  const now = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => now() + 600_000 })
  t.equal(await signOut(app, pool, 'carol'), 204)
  await until(() => calls.length === 1)
  t.match(calls, [{ body: { Username: 'subject-of-carol' } }])
})

t.test('where Cognito refuses, sessions are ended here alone', async t => {
  useCredentials(t)
  const { app, pool, calls, log } = await start(t, answers(400, { __type: 'NotAuthorizedException', message: 'nobody may not' }))
  t.equal(await signOut(app, pool), 204)
  await until(() => failures(log).length === 1)
  t.match(failures(log), [{ level: 40, err: { type: 'NotAuthorizedException', message: 'nobody may not' } }])
  t.ok(isAbout(await remembered(app), tenYears))
  t.strictSame(codes(await person(app, pool, 'alice', { auth_time: Math.floor(Date.now() / 1000) - 60 }).request('GET', '/me')), [401, 'invalid_auth_token'])

  t.equal(await signOut(app, pool, 'bob'), 204)
  await until(() => calls.length === 2)
})

t.test('where Cognito cannot be reached, sessions are ended here alone', async t => {
  useCredentials(t)
  const { app, pool, log } = await start(t)
  t.equal(await signOut(app, pool, 'bob'), 204)
  await pool.down()
  t.equal(await signOut(app, pool), 204)
  await until(() => failures(log).length === 1)
  t.match(failures(log), [{ level: 40 }])
})

t.test('a service that stops waits for Cognito’s answer', async t => {
  useCredentials(t)
  const asked = Promise.withResolvers<ServerResponse>()
  const { app, pool, log } = await start(t, asked.resolve)
  t.equal(await signOut(app, pool), 204, 'who signs out does not')
  const response = await asked.promise
  const closing = app.close().then(() => true)
  t.notOk(await Promise.race([closing, wait(200, false)]))
  answers(200, {})(response)
  await closing
  t.strictSame(failures(log), [])
})

t.test('a service that stops does not wait for ever', async t => {
  useCredentials(t)
  const asked = Promise.withResolvers<ServerResponse>()
  const { app, pool } = await start(t, asked.resolve)
  t.equal(await signOut(app, pool), 204)
  await asked.promise
  const closing = app.close().then(() => true)
  t.ok(await Promise.race([closing, wait(8_000, false)]), 'but 8 s at most')
  await pool.down()
  await closing
})
