import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { Webhook } from 'standardwebhooks'
import { startApp } from '../../support/app.ts'
import { administrator, codes, person } from '../../support/people.ts'
import type { UserPool } from '../../support/user-pool.ts'

const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`
const url = '/cognito/post-confirmation'

function event (pool: UserPool, changes: Record<string, unknown> = {}, attributes: Record<string, unknown> = {}) {
  return {
    version: '1',
    region: 'eu-west-1',
    userPoolId: pool.id,
    userName: 'alice',
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: pool.clientId },
    triggerSource: 'PostConfirmation_ConfirmSignUp',
    request: { userAttributes: { sub: 'subject-of-alice', 'cognito:user_status': 'CONFIRMED', email: 'alice@example.com', email_verified: 'true', ...attributes } },
    response: {},
    ...changes
  }
}

interface Sending { key?: string, id?: string, at?: Date, headers?: Record<string, string>, body?: string }

async function send (app: FastifyInstance, payload: unknown, { key = secret, id = 'msg_1', at = new Date(), headers = {}, body }: Sending = {}) {
  const text = JSON.stringify(payload)
  return app.inject({
    method: 'POST',
    url,
    payload: body ?? text,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': `${Math.floor(at.getTime() / 1000)}`,
      'webhook-signature': new Webhook(key).sign(id, at, text),
      ...headers
    }
  })
}

const start = (t: Test) => startApp(t, { USER_PROVISIONING: 'strict', POST_CONFIRMATION_SECRET: secret })

t.test('POST /cognito/post-confirmation does not exist without a secret', async t => {
  const { app, pool } = await startApp(t)
  t.strictSame(codes(await send(app, event(pool))), [404, 'not_found'])
})

t.test('POST /cognito/post-confirmation makes the user, who is then accepted', async t => {
  const { app, pool } = await start(t)
  const alice = person(app, pool, 'alice')
  t.strictSame(codes(await alice.request('GET', '/me')), [403, 'no_such_user'])

  const response = await send(app, event(pool))
  t.equal(response.statusCode, 201)
  t.equal(response.headers.location, '/admin/users/1')
  t.match(response.json(), { id: 1, username: 'alice', email: 'alice@example.com', issuer: pool.issuer, sub: 'subject-of-alice' })
  t.match((await alice.request('GET', '/me')).json(), { id: 1, username: 'alice' })

  t.test('once, however often it comes', async t => {
    for (const again of [event(pool), event(pool, { triggerSource: 'PostConfirmation_ConfirmForgotPassword' })]) {
      const response = await send(app, again)
      t.equal(response.statusCode, 200)
      t.equal(response.json().id, 1)
    }
    t.equal((await administrator(app, pool).request('GET', '/admin/users')).json().length, 1)
    t.match((await administrator(app, pool).request('GET', '/admin/audit')).json(), [{ actor: 'post-confirmation', action: 'created' }])
  })
})

t.test('POST /cognito/post-confirmation makes one user of ten events at once', async t => {
  const { app, pool } = await start(t)
  const responses = await Promise.all(Array.from({ length: 10 }, () => send(app, event(pool))))
  t.ok(responses.every(({ statusCode }) => statusCode === 201 || statusCode === 200))
  t.strictSame(new Set(responses.map(response => response.json().id)), new Set([1]))
})

t.test('POST /cognito/post-confirmation binds the user that an administrator made', async t => {
  const { app, pool } = await start(t)
  await administrator(app, pool).request('POST', '/admin/users', { payload: { username: 'Alice-from-accounts', email: 'ALICE@example.com' } })
  t.match((await send(app, event(pool))).json(), { id: 1, username: 'Alice-from-accounts', sub: 'subject-of-alice' })
})

t.test('POST /cognito/post-confirmation stores no address that is not verified, and binds no user by it', async t => {
  const federated = { identities: '[{"userId":"108","providerName":"Google"}]' }
  for (const attributes of [{ email_verified: 'false' }, { email_verified: false }, { email_verified: undefined }, { email_verified: 'TRUE' }, federated, { 'cognito:user_status': 'EXTERNAL_PROVIDER' }]) {
    const { app, pool } = await start(t)
    await administrator(app, pool).request('POST', '/admin/users', { payload: { username: 'owner', email: 'alice@example.com' } })
    t.match((await send(app, event(pool, {}, attributes))).json(), { id: 2, username: 'alice', email: null })
  }
})

t.test('POST /cognito/post-confirmation makes another user of another subject, with a number behind a taken name', async t => {
  const { app, pool } = await start(t)
  await send(app, event(pool), { at: new Date(Date.now() - 60_000) })
  const anew = await send(app, event(pool, {}, { sub: 'made-anew' }))
  t.equal(anew.statusCode, 201)
  t.match(anew.json(), { id: 2, username: 'alice-2', email: 'alice@example.com' })
  const root = administrator(app, pool)
  t.match((await root.request('GET', '/admin/users/1')).json(), { username: 'alice', email: null })
})

t.test('POST /cognito/post-confirmation follows a newer verified address, and no older event', async t => {
  const { app, pool } = await start(t)
  await send(app, event(pool))
  const later = new Date(Date.now() + 60_000)
  t.match((await send(app, event(pool, {}, { email: 'new@example.com' }), { at: later })).json(), { id: 1, email: 'new@example.com' })
  t.match((await send(app, event(pool))).json(), { id: 1, email: 'new@example.com' })
  t.match((await send(app, event(pool, {}, { email: 'x@example.com', email_verified: 'false' }), { at: later })).json(), { id: 1, email: null })
})

t.test('POST /cognito/post-confirmation names a federated user by a readable attribute', async t => {
  const { app, pool } = await start(t)
  const identities = '[{"userId":"108","providerName":"Google"}]'
  const federated = event(pool, { userName: 'Google_108' }, { identities, preferred_username: 'ally', name: 'Alice' })
  t.match((await send(app, federated)).json(), { username: 'ally', email: null })
})

t.test('POST /cognito/post-confirmation refuses', async t => {
  const { app, pool } = await start(t)
  const good = event(pool)
  const minutes = (count: number) => new Date(Date.now() + count * 60_000)
  const refused: [string, Sending, string][] = [
    ['another secret', { key: `whsec_${Buffer.from('another secret of 24 bytes').toString('base64')}` }, 'invalid_auth_token'],
    ['another body', { body: JSON.stringify(event(pool, { userName: 'mallory' })) }, 'invalid_auth_token'],
    ['white space added to the body', { body: ` ${JSON.stringify(good)}` }, 'invalid_auth_token'],
    ['a signature of six minutes ago', { at: minutes(-6) }, 'invalid_auth_token'],
    ['a signature of the future', { at: minutes(6) }, 'invalid_auth_token'],
    ['a timestamp moved', { headers: { 'webhook-timestamp': `${Math.floor(Date.now() / 1000) + 100}` } }, 'invalid_auth_token'],
    ['a timestamp that is none', { headers: { 'webhook-timestamp': 'now' } }, 'invalid_auth_token'],
    ['another id', { headers: { 'webhook-id': 'msg_2' } }, 'invalid_auth_token'],
    ['no signature', { headers: { 'webhook-signature': '' } }, 'no_auth_token'],
    ['a signature of another version', { headers: { 'webhook-signature': 'v1a,AAAA' } }, 'invalid_auth_token'],
    ['a truncated signature', { headers: { 'webhook-signature': 'v1,' } }, 'invalid_auth_token'],
  ]
  for (const [what, sending, code] of refused) {
    t.test(what, async t => {
      const response = await send(app, good, sending)
      t.strictSame(codes(response), [401, code])
      t.equal(response.headers['www-authenticate'], 'Webhook realm="articles"')
    })
  }

  const token = pool.idToken()
  t.strictSame(codes(await app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` }, payload: good })), [401, 'no_auth_token'], 'a token in place of a signature')
  t.strictSame(codes(await send(app, good, { headers: { 'content-type': 'text/plain' } })), [415, 'unsupported_media_type'])

  const bad: [string, unknown, string][] = [
    ['another user pool', event(pool, { userPoolId: 'eu-west-1_Other' }), '/userPoolId'],
    ['another trigger', event(pool, { triggerSource: 'PreSignUp_SignUp' }), '/triggerSource'],
    ['no subject', event(pool, {}, { sub: undefined }), '/request/userAttributes/sub'],
    ['an empty subject', event(pool, {}, { sub: '' }), '/request/userAttributes/sub'],
    ['a NUL in the name', event(pool, { userName: 'a\0b' }), '/userName'],
    ['an address without end', event(pool, {}, { email: 'x'.repeat(255) }), '/request/userAttributes/email']
  ]
  for (const [what, payload, path] of bad) {
    t.test(what, async t => {
      const response = await send(app, payload)
      t.strictSame(codes(response), [400, 'validation_failed'])
      t.match(response.json().errors, [{ in: 'body', path }])
    })
  }

  t.test('what is signed, and is not JSON', async t => {
    const at = new Date()
    const response = await send(app, {}, { at, body: '{', headers: { 'webhook-signature': new Webhook(secret).sign('msg_1', at, '{') } })
    t.strictSame(codes(response), [400, 'malformed_json'])
  })

  t.equal((await administrator(app, pool).request('GET', '/admin/users')).json().length, 0)
})
