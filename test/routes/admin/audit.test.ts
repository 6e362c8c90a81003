import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import type { Actor } from '../../../src/audit/actor.ts'
import { migrateToLatest } from '../../../src/database/migrate.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { signOut } from '../../../src/users/sign-out.ts'
import { addUser, changeUser, removeUser } from '../../../src/users/manage-users.ts'
import { provisionIdentity } from '../../../src/users/bind-identity.ts'
import { startApp } from '../../support/app.ts'
import { cognitoUser } from '../../support/cognito-user.ts'
import { administrator, codes, person } from '../../support/people.ts'

t.test('what cannot be noted in the audit trail is not done', async t => {
  const database = openDatabase('sqlite::memory:')
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  const issuer = 'https://issuer.example/pool'
  const root: Actor = { kind: 'user', name: 'root', issuer, subject: 'subject-of-root' }
  const alice = await addUser(db, root, { username: 'alice', email: 'alice@example.com', issuer, sub: 'subject-of-alice' })
  await addUser(db, root, { username: 'bob', email: 'bob@example.com', issuer: null, sub: null })
  const state = async () => Promise.all([db.selectFrom('users').selectAll().execute(), db.selectFrom('sign_outs').selectAll().execute()])
  const before = await state()
  await sql`create trigger full before insert on audit begin select raise(fail, 'the trail is full'); end`.execute(db)

  const bind = (username: string) => provisionIdentity(db, cognitoUser(issuer, username), { ...root, name: username })
  const ended: unknown[] = []
  const attempts: Record<string, () => Promise<unknown>> = {
    created: () => addUser(db, root, { username: 'carol', email: null, issuer: null, sub: null }),
    changed: () => changeUser(db, root, alice.id, { username: 'alicia' }),
    disabled: () => changeUser(db, root, alice.id, { disabled: true }),
    deleted: () => removeUser(db, root, alice.id),
    bound: () => bind('bob'),
    'created by itself': () => bind('dave'),
    signed_out: () => signOut(db, root, alice, null, identity => { ended.push(identity) })
  }
  for (const [what, attempt] of Object.entries(attempts)) {
    await t.rejects(async () => { await attempt() }, { message: 'the trail is full' }, what)
    t.strictSame(await state(), before, what)
  }
  t.strictSame(ended, [], 'nor are sessions ended at Cognito')
})

t.test('the audit trail tells a user from the part of the service that has its name', async t => {
  const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`
  const { app, pool } = await startApp(t, { POST_CONFIRMATION_SECRET: secret })
  await person(app, pool, 'post-confirmation').request('GET', '/me')
  const event = JSON.stringify({
    triggerSource: 'PostConfirmation_ConfirmSignUp',
    userPoolId: pool.id,
    userName: 'bob',
    request: { userAttributes: { sub: 'subject-of-bob' } }
  })
  const now = new Date()
  const headers = {
    'content-type': 'application/json',
    'webhook-id': 'msg_1',
    'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
    'webhook-signature': new Webhook(secret).sign('msg_1', now, event)
  }
  t.equal((await app.inject({ method: 'POST', url: '/cognito/post-confirmation', headers, payload: event })).statusCode, 201)
  await app.db.insertInto('audit')
    .values({ at: now.toISOString(), actor: 'post-confirmation', action: 'disabled', user_id: 1, username: 'alice', changes: '{}' })
    .execute()
  t.match((await administrator(app, pool).request('GET', '/admin/audit')).json(), [
    { actor: 'post-confirmation', actorKind: null, actorIssuer: null, actorSubject: null, action: 'disabled' },
    { actor: 'post-confirmation', actorKind: 'service', actorIssuer: null, actorSubject: null, username: 'bob' },
    { actor: 'post-confirmation', actorKind: 'user', actorIssuer: pool.issuer, actorSubject: 'subject-of-post-confirmation', username: 'post-confirmation' }
  ])
})

t.test('the audit trail notes what changed, and what was refused not at all', async t => {
  const { app, pool } = await startApp(t)
  const root = administrator(app, pool)
  for (const username of ['alice', 'bob']) await root.request('POST', '/admin/users', { payload: { username, email: `${username}@example.com` } })
  t.equal((await root.request('PATCH', '/admin/users/1', { payload: { disabled: false } })).statusCode, 200)
  t.strictSame(codes(await root.request('PATCH', '/admin/users/1', { payload: { disabled: true, username: 'bob' } })), [409, 'conflict'])
  t.strictSame(codes(await root.request('POST', '/admin/users', { payload: { username: 'bob', email: 'new@example.com' } })), [409, 'conflict'])
  t.strictSame(codes(await person(app, pool, 'mallory').request('GET', '/admin/audit')), [403, 'forbidden'])
  t.equal((await root.request('PATCH', '/admin/users/1', { payload: { disabled: true, email: 'alice@new.example' } })).statusCode, 200)

  const entries = (await root.request('GET', '/admin/audit')).json()
  const by = { actor: 'root', actorKind: 'user', actorIssuer: pool.issuer, actorSubject: 'subject-of-root' }
  t.strictSame(entries.map(({ id, at, ...entry }: Record<string, unknown>) => entry), [
    { ...by, action: 'disabled', userId: 1, username: 'alice', changes: {} },
    { ...by, action: 'changed', userId: 1, username: 'alice', changes: { email: 'alice@new.example' } },
    { ...by, action: 'created', userId: 2, username: 'bob', changes: { email: 'bob@example.com' } },
    { ...by, action: 'created', userId: 1, username: 'alice', changes: { email: 'alice@example.com' } }
  ])
  t.match(entries.map(({ at }: { at: string }) => Math.abs(Date.parse(at) - Date.now()) < 60_000), [true, true, true, true])

  await root.request('DELETE', '/admin/users/1')
  t.match((await root.request('GET', '/admin/audit?limit=2')).json(), [{ action: 'deleted', username: 'alice' }, { action: 'disabled', username: 'alice' }], 'and outlives the user')
})
