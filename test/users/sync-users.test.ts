import { text } from 'node:stream/consumers'
import {
  AdminCreateUserCommand, AdminDeleteUserCommand, AdminDisableUserCommand, AdminEnableUserCommand, AdminUpdateUserAttributesCommand,
  CognitoIdentityProviderClient, ConfirmSignUpCommand, SignUpCommand, type UserType
} from '@aws-sdk/client-cognito-identity-provider'
import t, { type Test } from 'tap'
import { seedUsers, startEmulator } from '../../dev/emulator.ts'
import type { Actor } from '../../src/audit/actor.ts'
import { userPoolClient, type UserPoolClient } from '../../src/cognito/user-pool-client.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Database } from '../../src/database/tables.ts'
import { addUser, changeUser } from '../../src/users/manage-users.ts'
import { provisionIdentity } from '../../src/users/bind-identity.ts'
import { insertUser } from '../../src/users/queries.ts'
import { syncUsers, type SyncOptions } from '../../src/users/sync-users.ts'
import { newDatabase, startPool } from '../support/app.ts'
import { cognitoUser } from '../support/cognito-user.ts'
import type { UserPool } from '../support/user-pool.ts'

// The emulator requires a signature, and does not verify it.
process.env.AWS_ACCESS_KEY_ID = 'nobody'
process.env.AWS_SECRET_ACCESS_KEY = 'nothing'

const root: Actor = { kind: 'user', name: 'root', issuer: 'https://issuer.example/pool', subject: 'subject-of-root' }

async function startDatabase (t: Test): Promise<Database> {
  const database = openDatabase(process.env.TEST_DATABASE_URL === undefined ? 'sqlite::memory:' : await newDatabase(t))
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  return db
}

/** The changes of a run, and the number of users seen after each page. */
async function sync (db: Database, client: UserPoolClient, options: Pick<SyncOptions, 'userPoolId' | 'issuer'> & Partial<SyncOptions>): Promise<{ changes: string[], pages: number[] }> {
  const changes: string[] = []
  const pages: number[] = []
  await syncUsers(db, client, {
    dryRun: false,
    force: false,
    pagesPerSecond: 1000,
    onChange: ({ action, username, detail }) => { changes.push(`${action} ${username}: ${detail}`) },
    onPage: seen => { pages.push(seen) },
    ...options
  })
  return { changes, pages }
}

/** The local users, a line each. */
async function listUsers (db: Database): Promise<string[]> {
  const users = await db.selectFrom('users').selectAll().orderBy('id').execute()
  return users.map(({ username, email, subject, disabled }) => [username, email ?? '-', subject === null ? 'not bound' : 'bound', ...(disabled ? ['disabled'] : [])].join(' '))
}

async function listAudit (db: Database): Promise<string[]> {
  const entries = await db.selectFrom('audit').selectAll().orderBy('id').execute()
  return entries.map(({ actor, action, username }) => `${actor} ${action} ${username}`)
}

async function addUnbound (db: Database, username: string, email = `${username}@example.com`): Promise<void> {
  await addUser(db, root, { username, email, issuer: null, sub: null })
}

const password = 'Passw0rd-2026!'

/** A user pool of the emulator's, without users, and a database. */
async function startEmulated (t: Test) {
  const codes = new Map<string, string>()
  const emulator = await startEmulator({ dataDirectory: t.testdir(), port: 0, onMessage: ({ email, code }) => { codes.set(email, code) } })
  t.teardown(() => emulator.close())
  const { endpoint, clientId: ClientId, userPoolId, userPoolId: UserPoolId } = emulator
  const sdk = new CognitoIdentityProviderClient({ region: 'local', endpoint })
  t.teardown(() => sdk.destroy())
  for (const { username: Username } of Object.values(seedUsers)) await sdk.send(new AdminDeleteUserCommand({ UserPoolId, Username }))
  const client = userPoolClient(endpoint)
  t.teardown(() => client.close())
  const db = await startDatabase(t)

  const signUp = async (Username: string) => {
    const email = `${Username}@example.com`
    await sdk.send(new SignUpCommand({ ClientId, Username, Password: password, UserAttributes: [{ Name: 'email', Value: email }] }))
    return async () => sdk.send(new ConfirmSignUpCommand({ ClientId, Username, ConfirmationCode: codes.get(email) }))
  }
  return {
    db,
    client,
    signUp,
    issuer: `${endpoint}/${userPoolId}`,
    sync: (options: Partial<SyncOptions> = {}) => sync(db, client, { userPoolId, issuer: `${endpoint}/${userPoolId}`, ...options }),
    confirm: async (username: string) => { await (await signUp(username))() },
    /** As an administrator makes one in Cognito's console. */
    create: (Username: string, email = `${Username}@example.com`, verified = 'true') => sdk.send(new AdminCreateUserCommand({ UserPoolId, Username, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: email }, { Name: 'email_verified', Value: verified }] })),
    update: (Username: string, email: string, verified = 'true') => sdk.send(new AdminUpdateUserAttributesCommand({ UserPoolId, Username, UserAttributes: [{ Name: 'email', Value: email }, { Name: 'email_verified', Value: verified }] })),
    disable: (Username: string) => sdk.send(new AdminDisableUserCommand({ UserPoolId, Username })),
    enable: (Username: string) => sdk.send(new AdminEnableUserCommand({ UserPoolId, Username })),
    remove: (Username: string) => sdk.send(new AdminDeleteUserCommand({ UserPoolId, Username }))
  }
}

t.test('users sync adds confirmed users, and leaves out unconfirmed ones', async t => {
  const { db, sync, confirm, signUp, create, disable } = await startEmulated(t)
  await confirm('alice')
  const confirmBob = await signUp('bob')
  await create('carol')
  await create('dave')
  await disable('dave')

  t.strictSame(await sync(), { changes: ['added alice: alice@example.com', 'added carol: carol@example.com'], pages: [4] })
  t.strictSame(await listUsers(db), ['alice alice@example.com bound', 'carol carol@example.com bound'])
  t.strictSame(await listAudit(db), ['users sync created alice', 'users sync created carol'])
  t.strictSame(await sync(), { changes: [], pages: [4] }, 'and has nothing to do the second time')

  await confirmBob()
  t.strictSame((await sync()).changes, ['added bob: bob@example.com'])
})

t.test('users sync binds an unbound user, as the first id token would', async t => {
  const { db, issuer, sync, confirm, create } = await startEmulated(t)
  await addUnbound(db, 'alice', 'Alice@Example.com')
  await addUnbound(db, 'bob')
  await confirm('alice')
  await create('bob-unverified', 'bob@example.com', 'false')

  t.strictSame((await sync()).changes, ['bound alice: Alice@Example.com', 'added bob-unverified: no verified e-mail address'])
  t.strictSame(await listUsers(db), ['alice Alice@Example.com bound', 'bob bob@example.com not bound', 'bob-unverified - bound'])
  t.match(await db.selectFrom('users').select('issuer').where('username', '=', 'alice').execute(), [{ issuer }])
  t.strictSame(await listAudit(db), ['root created alice', 'root created bob', 'users sync bound alice', 'users sync created bob-unverified'])
})

t.test('users sync follows a changed e-mail address, and leaves the name that an administrator gave', async t => {
  const { db, sync, create, update } = await startEmulated(t)
  await create('alice')
  await create('bob')
  await sync()
  await changeUser(db, root, 2, { username: 'robert' })
  await update('alice', 'alice@new.example')
  t.strictSame((await sync()).changes, ['changed alice: email is now alice@new.example'])
  t.strictSame(await listUsers(db), ['alice alice@new.example bound', 'robert bob@example.com bound'])
  t.strictSame((await listAudit(db)).slice(2), ['root changed robert', 'users sync changed alice'])
})

t.test('users sync takes away an address that is not verified any more, so that its new owner gets it', async t => {
  const { db, sync, create, update } = await startEmulated(t)
  await create('alice')
  await sync()
  await update('alice', 'alice@example.com', 'false')
  await create('bob', 'alice@example.com')
  t.strictSame((await sync()).changes, ['changed alice: no verified e-mail address any more', 'added bob: alice@example.com'])
  t.strictSame(await listUsers(db), ['alice - bound', 'bob alice@example.com bound'])
})

t.test('users sync disables users that are disabled or deleted in the pool, enables nobody, and removes nobody', async t => {
  const { db, sync, create, disable, enable, remove } = await startEmulated(t)
  for (const username of ['alice', 'bob', 'carol']) await create(username)
  await sync()
  await disable('alice')
  await remove('bob')
  t.strictSame((await sync()).changes, ['disabled alice: disabled in the user pool', 'disabled bob: not in the user pool any more'])
  const left = ['alice alice@example.com bound disabled', 'bob bob@example.com bound disabled', 'carol carol@example.com bound']
  t.strictSame(await listUsers(db), left)
  t.strictSame((await listAudit(db)).slice(3), ['users sync disabled alice', 'users sync disabled bob'])

  await enable('alice')
  t.strictSame((await sync()).changes, [])
  t.strictSame(await listUsers(db), left)
})

t.test('users sync disables no user of another pool, and no unbound user', async t => {
  const { db, sync } = await startEmulated(t)
  await addUnbound(db, 'alice')
  await addUser(db, root, { username: 'bob', email: null, issuer: 'https://another.example/eu-west-1_Other', sub: 'subject-of-bob' })
  t.strictSame(await sync(), { changes: [], pages: [0] })
  t.strictSame(await listUsers(db), ['alice alice@example.com not bound', 'bob - bound'])
})

t.test('users sync adds a user whose name is taken with a number, and leaves users of other pools alone', async t => {
  const { db, sync, create } = await startEmulated(t)
  await addUnbound(db, 'alice', 'first@example.com')
  await addUser(db, root, { username: 'bob', email: 'bob@example.com', issuer: 'https://another.example/eu-west-1_Other', sub: 'subject-of-owner' })
  await create('alice')
  await create('bob', 'BOB@example.com')
  t.strictSame((await sync()).changes, ['added alice-2: alice@example.com', 'added bob: BOB@example.com'])
  t.strictSame(await listUsers(db), ['alice first@example.com not bound', 'bob bob@example.com bound', 'alice-2 alice@example.com bound', 'bob BOB@example.com bound'])
})

t.test('users sync --dry-run reports the changes and makes none', async t => {
  const { db, sync, create, update, disable, remove } = await startEmulated(t)
  for (const username of ['alice', 'bob', 'carol', 'dave']) await create(username)
  await addUnbound(db, 'waits')
  await sync()
  await update('alice', 'alice@new.example')
  await disable('bob')
  await remove('carol')
  await create('erin')
  await create('waits')
  const tables = async () => Promise.all([db.selectFrom('users').selectAll().execute(), db.selectFrom('audit').selectAll().execute(), db.selectFrom('sync_runs').selectAll().execute()])

  const before = await tables()
  const dry = await sync({ dryRun: true })
  t.strictSame(await tables(), before)
  t.equal(dry.changes.length, 5)
  t.strictSame(await sync(), dry)
  t.strictSame((await sync({ dryRun: true })).changes, [])
})

/** A user of the pool, as Cognito's API shows it. */
function pooled (username: string): UserType {
  return { Username: username, Enabled: true, UserStatus: 'CONFIRMED', Attributes: [{ Name: 'sub', Value: `subject-of-${username}` }, { Name: 'email', Value: `${username}@example.com` }, { Name: 'email_verified', Value: 'true' }] }
}

t.test('users sync binds nobody by the e-mail address of a federated user', async t => {
  const linked = { ...pooled('bob'), Attributes: [...pooled('bob').Attributes ?? [], { Name: 'identities', Value: '[{"userId":"108","providerName":"Google"}]' }] }
  const { db, sync } = await startPaged(t, [{ ...pooled('alice'), UserStatus: 'EXTERNAL_PROVIDER' }, linked])
  for (const username of ['alice', 'bob']) await addUnbound(db, `owner-${username}`, `${username}@example.com`)
  t.strictSame((await sync()).changes, ['added alice: no verified e-mail address', 'added bob: no verified e-mail address'])
  t.strictSame(await listUsers(db), ['owner-alice alice@example.com not bound', 'owner-bob bob@example.com not bound', 'alice - bound', 'bob - bound'])
})

t.test('users sync disables nobody where more than 10 % of the users, at least 5, are missing, without force', async t => {
  const rows: [users: number, missing: number, stops: boolean][] = [[20, 5, true], [20, 4, false], [50, 5, false], [3, 3, true]]
  for (const [users, missing, stops] of rows) {
    await t.test(`${missing} of ${users}`, async t => {
      const { db, pool, sync } = await startPaged(t, crowd(users).slice(missing))
      for (const { Username: username = '' } of crowd(users)) {
        await insertUser(db, { username, email: `${username}@example.com`, issuer: pool.issuer, sub: `subject-of-${username}` })
      }
      // Users that came while a run was under way are not missing.
      await db.updateTable('users').set({ updated_at: '2026-01-01T00:00:00.000Z' }).execute()
      const disabled = async () => (await listUsers(db)).filter(line => line.endsWith('disabled')).length
      const message = `The listing of ${pool.id} lacks ${missing} of ${users} users, so it may be incomplete. None of them was disabled. If they were removed, run the command again with --force.`
      for (const dryRun of [true, false]) {
        if (stops) await t.rejects(sync({ dryRun }), { message })
        else t.equal((await sync({ dryRun })).changes.length, missing)
      }
      t.equal(await disabled(), stops ? 0 : missing)
      if (!stops) return
      t.strictSame(await db.selectFrom('sync_runs').selectAll().execute(), [], 'the next run starts from the first page')
      t.equal((await sync({ force: true, dryRun: true })).changes.length, missing)
      t.equal((await sync({ force: true })).changes.length, missing)
      t.equal(await disabled(), missing)
    })
  }
})

/** `user000` and so on. */
function crowd (count: number): UserType[] {
  return Array.from({ length: count }, (_, index) => pooled(`user${`${index}`.padStart(3, '0')}`))
}

/** A Cognito that serves its users in pages, which the emulator does not. */
interface PagedPool {
  pool: UserPool
  users: UserType[]
  /** The pagination tokens that were asked for. */
  asked: (string | undefined)[]
  /** How many requests with a pagination token it still refuses, as one of long ago. */
  forgets: number
}

async function startPaged (t: Test, users: UserType[]) {
  const pool = await startPool(t)
  const paged: PagedPool = { pool, users, asked: [], forgets: 0 }
  pool.answer = async (request, response) => {
    const { UserPoolId, Limit, PaginationToken: token } = JSON.parse(await text(request))
    const answer = (status: number, body: object) => response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    if (request.headers['x-amz-target'] === 'AWSCognitoIdentityProviderService.DescribeUserPool') {
      return answer(200, { UserPool: { Id: UserPoolId, EstimatedNumberOfUsers: paged.users.length } })
    }
    paged.asked.push(token)
    if (token !== undefined && paged.forgets-- > 0) return answer(400, { __type: 'InvalidParameterException', message: 'Invalid pagination token.' })
    const from = Number(token?.slice('after-'.length) ?? 0)
    const next = from + Limit
    answer(200, { Users: paged.users.slice(from, next), ...(next < paged.users.length && { PaginationToken: `after-${next}` }) })
  }
  const client = userPoolClient(pool.endpoint)
  t.teardown(() => client.close())
  const db = await startDatabase(t)
  return {
    paged,
    pool,
    db,
    client,
    sync: (options: Partial<SyncOptions> = {}, through = client) => sync(db, through, { userPoolId: pool.id, issuer: pool.issuer, ...options })
  }
}

/** A client that does something before it lists a page: fail, or what others do meanwhile. */
function before (client: UserPoolClient, act: (page: number) => unknown): UserPoolClient {
  let page = 0
  return {
    ...client,
    listUsers: async (...args) => {
      await act(++page)
      return client.listUsers(...args)
    }
  }
}

function cutAfter (pages: number): (page: number) => void {
  return page => { if (page > pages) throw new Error('the connection was cut') }
}

t.test('users sync goes through all pages', async t => {
  const { db, client, pool, paged, sync } = await startPaged(t, crowd(150))
  t.equal(await client.estimateUsers(pool.id), 150)
  const { changes, pages } = await sync()
  t.strictSame([changes.length, changes.at(-1), pages], [150, 'added user149: user149@example.com', [60, 120, 150]])
  t.strictSame(paged.asked, [undefined, 'after-60', 'after-120'])
  t.equal((await listUsers(db)).length, 150)

  paged.users.splice(70, 1)
  t.strictSame(await sync(), { changes: ['disabled user070: not in the user pool any more'], pages: [60, 120, 149] })
})

t.test('users sync requests no more pages per second than pagesPerSecond', async t => {
  const { pool, sync } = await startPaged(t, crowd(150))
  await sync({ pagesPerSecond: 5, dryRun: true })
  const [first = 0, , last = 0] = pool.fetches
  t.ok(last - first >= 390, `three pages in ${last - first} ms`)
})

t.test('users sync that was interrupted continues at its page', async t => {
  const { db, client, paged, sync } = await startPaged(t, crowd(150))
  await sync()
  paged.asked.length = 0

  await t.rejects(sync({}, before(client, cutAfter(2))), { message: 'the connection was cut' })
  t.notMatch(await listUsers(db), [/disabled/], 'who has not been seen yet is not thought gone')
  paged.users.splice(140, 1)
  t.strictSame(await sync(), { changes: ['disabled user140: not in the user pool any more'], pages: [29] })
  t.strictSame(paged.asked, [undefined, 'after-60', 'after-120'])
  t.strictSame(await db.selectFrom('sync_runs').selectAll().execute(), [])

  t.test('and a dry run in between leaves it where it stood', async t => {
    await t.rejects(sync({}, before(client, cutAfter(1))))
    t.strictSame((await sync({ dryRun: true })).pages, [60, 120, 149])
    t.strictSame((await sync()).pages, [60, 89])
  })
})

t.test('users sync that was interrupted starts over where Cognito has forgotten the page', async t => {
  const { client, paged, sync } = await startPaged(t, crowd(150))
  await t.rejects(sync({}, before(client, cutAfter(2))))
  paged.asked.length = 0
  paged.forgets = 1
  const { changes, pages } = await sync()
  t.equal(changes.length, 30, 'what was done stays done')
  t.strictSame(pages, [60, 120, 150])
  t.strictSame(paged.asked, ['after-120', undefined, 'after-60', 'after-120'])
})

t.test('users sync that starts over disables a user who was removed in the meantime', async t => {
  const { db, client, paged, sync } = await startPaged(t, crowd(150))
  await t.rejects(sync({}, before(client, cutAfter(2))))
  paged.users.splice(10, 1)
  paged.forgets = 1
  t.match((await sync()).changes.at(-1), 'disabled user010')
  t.strictSame((await listUsers(db)).filter(user => user.endsWith('disabled')), ['user010 user010@example.com bound disabled'])
})

t.test('users sync gives up on a page that Cognito refuses again and again', async t => {
  const { client, paged, sync } = await startPaged(t, crowd(70))
  paged.forgets = Infinity
  await t.rejects(sync({}, before(client, page => { if (page > 20) throw new Error('asked for 20 pages of 2') })), { name: 'InvalidParameterException' })
})

t.test('users sync rejects with the error of the API, and disables nobody', async t => {
  const { db, pool, paged, sync } = await startPaged(t, crowd(1))
  await sync()
  paged.users = []
  pool.answer = (_request, response) => response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"InvalidParameterException","message":"No."}')
  await t.rejects(sync(), { name: 'InvalidParameterException' })
  pool.answer = (_request, response) => response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"AccessDeniedException","message":"No."}')
  await t.rejects(sync(), { name: 'AccessDeniedException' })
  t.strictSame(await listUsers(db), ['user000 user000@example.com bound'])
})

t.test('users sync does not disable a user who came during the run', async t => {
  const { db, pool, client, sync } = await startPaged(t, crowd(70))
  await addUnbound(db, 'waits')
  const come = (username: string) => provisionIdentity(db, cognitoUser(pool.issuer, username), { ...root, name: username })
  // They confirm, and come with an id token, when the page on which they would have been has been listed.
  const { changes } = await sync({}, before(client, async page => {
    if (page === 2) for (const username of ['comes', 'waits']) await come(username)
  }))
  t.strictSame(changes.filter(change => !change.startsWith('added user')), [])
  t.strictSame((await listUsers(db)).filter(user => user.endsWith('disabled')), [])
})

t.test('users sync leaves alone a user that the database cannot store', async t => {
  const unstorable = 'a name or an e-mail address that cannot be stored'
  const { Attributes: attributes = [], ...alice } = pooled('alice')
  const without = (name: string) => attributes.filter(({ Name }) => Name !== name)
  const { db, sync } = await startPaged(t, [
    { ...alice, Attributes: undefined },
    { ...alice, Attributes: without('sub') },
    { ...alice, Attributes: [...without('email'), { Name: 'email', Value: `${'x'.repeat(250)}@example.com` }] },
    { ...alice, Attributes: attributes, Username: 'a\ud800b' },
    { ...alice, Attributes: attributes, Username: undefined },
  ])
  t.strictSame((await sync()).changes, [
    ...Array.from({ length: 3 }, () => `left alone "alice": ${unstorable}`),
    `left alone "a\\ud800b": ${unstorable}`,
    'added subject-of-alice: alice@example.com'
  ])
  t.strictSame(await listUsers(db), ['subject-of-alice alice@example.com bound'])
})

t.test('users sync leaves alone a subject that the database cannot store', async t => {
  const subject = { Name: 'sub', Value: 'a\0b' }
  const { db, sync } = await startPaged(t, [{ ...pooled('alice'), Attributes: [subject] }, pooled('bob')])
  await t.resolves(sync(), 'and goes on')
  t.strictSame(await listUsers(db), ['bob bob@example.com bound'])
})
