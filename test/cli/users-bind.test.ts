import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { users as command } from '../../src/cli/users.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { insertArticle } from '../../src/articles/queries.ts'
import { insertUser, type NewUser, type User } from '../../src/users/queries.ts'
import { runCommand, type Outcome } from '../support/command.ts'
import { newDatabase, startPool } from '../support/app.ts'

// The AWS SDK reads its variables from the process.
process.env.AWS_ACCESS_KEY_ID = 'nobody'
process.env.AWS_SECRET_ACCESS_KEY = 'nothing'

async function start (t: Test, changes: Record<string, string> = {}) {
  const pool = await startPool(t, { id: 'eu-west-1_New00001' })
  const DATABASE_URL = await newDatabase(t)
  const database = openDatabase(DATABASE_URL)
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  const env = {
    DATABASE_URL,
    AWS_USER_POOLS_ID: pool.id,
    AWS_APP_CLIENT_ID: pool.clientId,
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
    ...changes
  }
  const users = (...args: string[]): Promise<Outcome> => runCommand(command, args, env)
  return {
    db,
    pool,
    oldIssuer: `${pool.endpoint}/eu-west-1_Old00001`,
    users,
    list: async (): Promise<User[]> => JSON.parse((await users('list', '--json')).stdout),
    add: async (user: Partial<NewUser> & { username: string }) => insertUser(db, { email: `${user.username}@example.com`, issuer: null, sub: null, ...user }),
    trail: async () => (await db.selectFrom('audit').selectAll().orderBy('id').execute()).map(({ actor, action, username }) => `${actor} ${action} ${username}`)
  }
}

t.test('npm run users bind and unbind change the identity of a user', async t => {
  const { pool, users, list, add, trail } = await start(t)
  await add({ username: 'alice' })
  t.match(await users('bind', 'alice', 'subject-of-alice'), { status: 0, stdout: /active {2}subject-of-alice/, stderr: '' })
  t.match(await list(), [{ username: 'alice', issuer: pool.issuer, sub: 'subject-of-alice' }])
  t.match(await users('unbind', 'alice'), { status: 0, stdout: /not bound yet/ })
  t.match(await list(), [{ username: 'alice', email: 'alice@example.com', issuer: null, sub: null }])
  t.strictSame(await trail(), ['command line bound alice', 'command line unbound alice'])
})

t.test('npm run users add --subject binds the new user at once, without an e-mail address', async t => {
  const { pool, users, list } = await start(t)
  t.match(await users('add', 'importer', '--subject', pool.clientId), { status: 0 })
  t.match(await users('add', 'alice', 'alice@example.com', '--subject', 'subject-of-alice', '--pool', pool.id), { status: 0 })
  t.match(await list(), [{ username: 'importer', email: null, issuer: pool.issuer, sub: pool.clientId }, { username: 'alice', email: 'alice@example.com', sub: 'subject-of-alice' }])
})

t.test('npm run users bind reports a pool that is missing or not configured', async t => {
  const { users, add } = await start(t, { AWS_USER_POOLS_ID: 'eu-west-1_A,eu-west-1_B' })
  await add({ username: 'alice' })
  t.strictSame(await users('bind', 'alice', 'x'), { status: 1, stdout: '', stderr: 'userPoolId is required where there are several user pools\n' })
  t.strictSame(await users('bind', 'alice', 'x', '--pool', 'eu-west-1_C'), { status: 1, stdout: '', stderr: 'userPoolId is not a user pool of this service\n' })
  t.match(await users('bind', 'alice', 'x', '--pool', 'eu-west-1_B'), { status: 0 })
})

t.test('npm run users asks for the id where users of two pools have one name', async t => {
  const { pool, oldIssuer, users, add } = await start(t)
  await add({ username: 'alice', issuer: pool.issuer, sub: 'a' })
  await add({ username: 'alice', issuer: oldIssuer, sub: 'b' })
  await add({ username: 'other', email: 'alice@example.com' })
  t.strictSame(await users('disable', 'alice'), { status: 1, stdout: '', stderr: `Several users are called "alice": 1 (${pool.issuer}), 2 (${oldIssuer}). Give the id.\n` })
  t.match(await users('show', 'ALICE@example.com'), { status: 1, stderr: /3 \(not bound yet\)/ })
  t.match(await users('disable', '2'), { status: 0 })
})

t.test('npm run users rebind binds the users of an old pool to the new pool by verified address', async t => {
  const { db, pool, oldIssuer, users, list, add, trail } = await start(t)
  const old = (username: string) => add({ username, issuer: oldIssuer, sub: `old-${username}` })
  for (const username of ['alice', 'bob', 'victim', 'carol', 'dave']) await old(username)
  const [alice] = await list()
  if (alice === undefined) throw new Error('the user was not stored')
  await insertArticle(db, { name: 'Mine', author: alice })
  await add({ username: 'bob', email: null, issuer: pool.issuer, sub: 'new-other-bob' })
  await add({ username: 'carol', email: null, issuer: pool.issuer, sub: 'new-carol' })
  const pooled = (username: string, changes: { UserStatus?: string, verified?: string, sub?: string } = {}) => ({
    Username: username,
    UserStatus: changes.UserStatus ?? 'CONFIRMED',
    Attributes: [
      { Name: 'sub', Value: changes.sub ?? `new-${username}` },
      { Name: 'email', Value: `${username.toUpperCase()}@example.com` },
      { Name: 'email_verified', Value: changes.verified ?? 'true' }
    ]
  })
  // Two pages: an attacker's federated account, an unverified address, and users whom no one has here.
  const pages = [
    [pooled('alice'), pooled('victim', { UserStatus: 'EXTERNAL_PROVIDER' }), pooled('dave', { verified: 'false' })],
    [pooled('bob'), pooled('carol'), pooled('stranger'), pooled('alice', { sub: '' })]
  ]
  pool.answer = async (request, response) => {
    const { PaginationToken: token } = JSON.parse(await text(request))
    const page = Number(token ?? 0)
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify({ Users: pages[page], ...(page === 0 && { PaginationToken: '1' }) }))
  }

  const args = ['rebind', '--from', 'eu-west-1_Old00001', '--to', pool.id, '--pages-per-second', '30']
  const before = await list()
  const dry = await users(...args, '--dry-run')
  t.strictSame(dry, {
    status: 0,
    stdout: [
      'rebound  alice  ALICE@example.com',
      'rebound  bob-2  BOB@example.com',
      'left alone  carol  user 7 of the new pool has this identity or address',
      'Would rebind 2 users.',
      ''
    ].join('\n'),
    stderr: ''
  })
  t.strictSame(await list(), before)

  t.strictSame((await users(...args)).stdout, dry.stdout.replace('Would rebind', 'Rebound'))
  t.match(await list(), [
    { id: 1, username: 'alice', issuer: pool.issuer, sub: 'new-alice' },
    { id: 2, username: 'bob-2', issuer: pool.issuer, sub: 'new-bob' },
    { id: 3, username: 'victim', issuer: oldIssuer },
    { id: 4, username: 'carol', issuer: oldIssuer },
    { id: 5, username: 'dave', issuer: oldIssuer }
  ])
  t.match(await db.selectFrom('articles').selectAll().execute(), [{ author_id: 1 }])
  t.strictSame(await trail(), ['command line bound alice', 'command line bound bob-2'])
  t.match(JSON.parse((await users(...args, '--json')).stdout), [{ action: 'left alone', username: 'carol' }], 'a second run has nothing left to do')
})
