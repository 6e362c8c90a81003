// The emulator's token endpoint, as the documentation of Cognito describes it.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { machineClient, startEmulator, type Emulator } from '../../dev/emulator.ts'

async function start (t: Test): Promise<Emulator> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'cognito-'))
  t.teardown(() => rm(dataDirectory, { recursive: true, force: true }))
  const emulator = await startEmulator({ port: 0, dataDirectory })
  t.teardown(() => emulator.close())
  return emulator
}

function basic ({ clientId, clientSecret } = machineClient): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` }
}

async function ask ({ endpoint }: Emulator, form: Record<string, string>, headers: Record<string, string> = {}) {
  const response = await fetch(`${endpoint}/oauth2/token`, { method: 'POST', headers, body: new URLSearchParams(form) })
  const body: Record<string, string> = Object(await response.json())
  return { status: response.status, cacheControl: response.headers.get('cache-control'), body }
}

function claimsOf (token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

t.test('POST /oauth2/token grants a machine client its own access token', async t => {
  const emulator = await start(t)
  const { status, cacheControl, body } = await ask(emulator, { grant_type: 'client_credentials', scope: 'articles/read' }, basic())
  t.equal(status, 200)
  t.equal(cacheControl, 'no-store')
  t.match(body, { token_type: 'Bearer', expires_in: 3600 })
  const claims = claimsOf(`${body.access_token}`)
  t.match(claims, {
    sub: machineClient.clientId,
    client_id: machineClient.clientId,
    token_use: 'access',
    scope: 'articles/read',
    iss: `${emulator.endpoint}/${emulator.userPoolId}`
  })
  t.notMatch(claims, { username: /./ })
})

t.test('POST /oauth2/token takes the credentials from the body and grants all scopes by default', async t => {
  const emulator = await start(t)
  const { clientId, clientSecret } = machineClient
  const { status, body } = await ask(emulator, { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret })
  t.equal(status, 200)
  t.match(claimsOf(`${body.access_token}`), { scope: 'articles/read articles/write' })
})

t.test('POST /oauth2/token refuses with the error of RFC 6749', async t => {
  const emulator = await start(t)
  const grant = { grant_type: 'client_credentials' }
  const refusals: [string, Record<string, string>, Record<string, string>?][] = [
    ['invalid_request', {}, basic()],
    ['invalid_client', grant],
    ['invalid_client', grant, basic({ ...machineClient, clientSecret: 'wrong' })],
    ['invalid_client', grant, basic({ ...machineClient, clientId: emulator.clientId })],
    ['unsupported_grant_type', { grant_type: 'password' }, basic()],
    ['invalid_scope', { ...grant, scope: 'articles/read articles/own' }, basic()]
  ]
  for (const [error, form, headers] of refusals) {
    const { status, body } = await ask(emulator, form, headers)
    t.equal(status, 400, error)
    t.strictSame(body, { error })
  }
})

t.test('GET /<pool>/.well-known/openid-configuration names the token endpoint', async t => {
  const { endpoint, userPoolId } = await start(t)
  const document: unknown = await (await fetch(`${endpoint}/${userPoolId}/.well-known/openid-configuration`)).json()
  t.match(document, { issuer: `${endpoint}/${userPoolId}`, token_endpoint: `${endpoint}/oauth2/token` })
})
