import { existsSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { users as command } from '../../src/cli/users.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { postgresUrlForm } from '../../src/database/postgres/url.ts'
import type { Database } from '../../src/database/tables.ts'
import { insertUser, type NewUser } from '../../src/users/queries.ts'
import { runCommand, type Outcome } from '../support/command.ts'
import { startPool } from '../support/app.ts'
import { run } from '../support/service-process.ts'
import type { UserPool } from '../support/user-pool.ts'

/** `npm run users` over a database file that the test has to itself. */
function start (t: Test, variables: Record<string, string> = {}) {
  const path = `${t.testdir()}/articles.db`
  const DATABASE_URL = `sqlite:${path}`
  return {
    path,
    users: async (...args: string[]): Promise<Outcome> => runCommand(command, args, { DATABASE_URL, ...variables }),
    /** The same as a process of its own, as `npm run users` does it. */
    process: async (...args: string[]): Promise<Outcome> => {
      const { exited, output } = run(t, 'src/cli/users.ts', { DATABASE_URL, ...variables }, { args })
      return { status: await exited, ...output }
    },
    /** Does something to the database as another process would, between two commands. */
    over: async <Result>(work: (db: Database) => Promise<Result>): Promise<Result> => {
      const database = openDatabase(DATABASE_URL)
      const { db } = database
      try {
        await migrateToLatest(database)
        return await work(db)
      } finally {
        await database.close()
      }
    }
  }
}

function newUser (username: string, changes: Partial<NewUser> = {}): NewUser {
  return { username, email: `${username}@example.com`, issuer: null, sub: null, ...changes }
}

const done = (stdout: string): Outcome => ({ status: 0, stdout: `${stdout}\n`, stderr: '' })
const failed = (stderr: string): Outcome => ({ status: 1, stdout: '', stderr: `${stderr}\n` })

t.test('npm run users adds, lists, shows, disables, enables and removes', async t => {
  const { users, over } = start(t)
  const head = 'ID  USERNAME  E-MAIL             STATE          SUBJECT'
  t.strictSame(await users('list'), done('ID  USERNAME  E-MAIL  STATE  SUBJECT'))

  t.strictSame(await users('add', 'alice', 'alice@example.com'), done(`${head}\n1   alice     alice@example.com  not bound yet  -`))
  await over(db => insertUser(db, newUser('bob', { email: null, issuer: 'https://issuer.example/pool', sub: 'subject-of-bob' })))
  t.strictSame(await users('disable', 'ALICE@example.com'), done('ID  USERNAME  E-MAIL             STATE     SUBJECT\n1   alice     alice@example.com  disabled  -'))
  t.strictSame(await users('list'), done([
    'ID  USERNAME  E-MAIL             STATE     SUBJECT',
    '1   alice     alice@example.com  disabled  -',
    '2   bob       -                  active    subject-of-bob'
  ].join('\n')))
  t.strictSame(await users('list', 'LIC'), done('ID  USERNAME  E-MAIL             STATE     SUBJECT\n1   alice     alice@example.com  disabled  -'))
  t.strictSame(await users('list', 'nobody'), done('ID  USERNAME  E-MAIL  STATE  SUBJECT'))

  t.strictSame(await users('enable', '1'), done(`${head}\n1   alice     alice@example.com  not bound yet  -`))
  t.strictSame(await users('show', 'bob'), done('ID  USERNAME  E-MAIL  STATE   SUBJECT\n2   bob       -       active  subject-of-bob'))
  t.strictSame(await users('remove', 'alice'), done('Removed alice.'))
  t.strictSame(await users('show', 'alice'), failed('There is no user "alice".'))

  const trail = await over(db => db.selectFrom('audit').select(['actor', 'action', 'username']).orderBy('id').execute())
  t.strictSame(trail.map(({ actor, action, username }) => `${actor} ${action} ${username}`), ['created', 'disabled', 'enabled', 'deleted'].map(action => `command line ${action} alice`))
})

t.test('npm run users is a process with an exit status, and stores its changes', async t => {
  const { process } = start(t)
  const head = 'ID  USERNAME  E-MAIL             STATE          SUBJECT'
  const alice = done(`${head}\n1   alice     alice@example.com  not bound yet  -`)
  t.strictSame(await process('add', 'alice', 'alice@example.com'), alice)
  t.strictSame(await process('list'), alice)
  t.strictSame(await process('show', 'bob'), failed('There is no user "bob".'))
  t.match(await process('show'), { status: 2, stdout: '', stderr: /^The command takes other arguments\.\n\nnpm run users -- COMMAND/ })
  t.match(await process(), { status: 0, stdout: /^npm run users -- COMMAND/, stderr: '' })
})

t.test('npm run users --json prints JSON for scripts', async t => {
  const { users } = start(t)
  const json = async (...args: string[]) => {
    const { status, stdout, stderr } = await users(...args, '--json')
    t.strictSame([status, stderr], [0, ''])
    return JSON.parse(stdout)
  }
  t.strictSame(await json('list'), [])
  const alice = await json('add', 'alice', 'Alice@example.com')
  t.match(alice, { id: 1, username: 'alice', email: 'Alice@example.com', disabled: false, issuer: null, sub: null, createdAt: String, updatedAt: String })
  t.strictSame(await json('show', '1'), alice)
  t.strictSame(await json('list', 'alice'), [alice])
  t.match(await json('disable', '1'), { id: 1, disabled: true })
  t.match(await json('enable', '1'), { id: 1, disabled: false })
  t.match(await json('remove', '1'), { id: 1, username: 'alice' })
  t.strictSame(await json('list'), [])
})

t.test('npm run users list lists more users than a page holds', async t => {
  const { users, over } = start(t)
  await over(async db => { for (let count = 1; count <= 230; count++) await insertUser(db, newUser(`user${count}`)) })
  t.equal(JSON.parse((await users('list', '--json')).stdout).length, 230)
  t.equal(JSON.parse((await users('list', 'user1', '--json')).stdout).length, 111)
})

t.test('npm run users finds a user by id, before a username of digits', async t => {
  const { users, over } = start(t)
  await over(async db => { for (const username of ['2', 'bob', '99']) await insertUser(db, newUser(username)) })
  const username = async (name: string) => JSON.parse((await users('show', name, '--json')).stdout).username
  t.equal(await username('2'), 'bob')
  t.equal(await username('99'), '99')
  t.strictSame(await users('show', '9'.repeat(20)), failed(`There is no user "${'9'.repeat(20)}".`))
})

t.test('npm run users reports a missing user, and a name that is taken, with exit status 1', async t => {
  const { users, over } = start(t)
  for (const command of ['disable', 'remove']) t.strictSame(await users(command, 'alice'), failed('There is no user "alice".'), command)
  await over(db => insertUser(db, newUser('alice')))
  for (const args of [['alice', 'new@example.com'], ['new', 'ALICE@example.com']]) {
    t.strictSame(await users('add', ...args), failed('The username, the e-mail address or the identity belongs to another user.'))
  }
  t.equal(JSON.parse((await users('list', '--json')).stdout).length, 1)
})

t.test('npm run users -- --help prints every command and option, and touches nothing', async t => {
  const { users, path } = start(t)
  for (const args of [[], ['remove', '--help']]) {
    const { status, stdout, stderr } = await users(...args)
    t.strictSame([status, stderr], [0, ''], args.join(' '))
    for (const command of ['list', 'show', 'add', 'disable', 'enable', 'remove', 'bind', 'unbind', 'rebind', 'sync', '--subject', '--pool', '--json', '--dry-run', '--force', '--pages-per-second']) t.match(stdout, new RegExp(`^  ${command} `, 'm'))
  }
  t.notOk(existsSync(path))
})

t.test('npm run users prints the fault and the help for wrong arguments, with exit status 2', async t => {
  const { users, path } = start(t)
  const misuses: [string[], string][] = [
    [['frobnicate'], 'There is no command "frobnicate".'],
    [['list', 'a', 'b'], 'The command takes other arguments.'],
    [['show'], 'The command takes other arguments.'],
    [['add', 'a', 'a@example.com', 'b'], 'The command takes other arguments.'],
    [['sync', 'eu-west-1_Test00001'], 'The command takes other arguments.'],
    [['bind', 'alice'], 'The command takes other arguments.'],
    [['add', 'alice'], 'add takes an e-mail address, or --subject.'],
    [['rebind', '--from', 'eu-west-1_Old'], 'rebind takes two user pools: --from POOL --to POOL.'],
    [['rebind', '--from', 'eu-west-1_Old', '--to', 'eu-west-1_Old'], 'rebind takes two user pools: --from POOL --to POOL.'],
    [['list', '--frobnicate'], 'Unknown option \'--frobnicate\''],
    ...['0', '31', 'many'].map((number): [string[], string] => [['sync', `--pages-per-second=${number}`], '--pages-per-second takes a number up to 30.'])
  ]
  for (const [args, reason] of misuses) await explains(args, reason)
  t.notOk(existsSync(path), 'and touches nothing')
  await explains(['add', 'a b', 'a@example.com'], 'username must be 1 to 128 letters')
  await explains(['add', 'a', 'nowhere'], 'email must be an e-mail address')

  async function explains (args: string[], reason: string): Promise<void> {
    const { status, stdout, stderr } = await users(...args)
    t.strictSame([status, stdout], [2, ''], args.join(' '))
    t.ok(stderr.startsWith(reason), stderr)
    t.match(stderr, /\n\nnpm run users -- COMMAND/)
  }
})

t.test('npm run users prints no control characters of stored text', async t => {
  const { users, over } = start(t)
  const username = 'mallory\u001b]0;pwned\u0007\u009b31m\u202e\u2028\r\n'
  await over(db => insertUser(db, newUser(username, { email: 'm\u001b[2J@example.com', issuer: 'https://issuer.example/pool', sub: '\u001b[31msubject' })))
  const shown = 'mallory\ufffd]0;pwned\ufffd\ufffd31m\ufffd\ufffd\ufffd\ufffd'
  for (const args of [['list'], ['disable', '1']]) {
    const { stdout } = await users(...args)
    t.match(stdout, `1   ${shown}  m\ufffd[2J@example.com  `, args.join(' '))
    t.match(stdout, '\ufffd[31msubject')
    t.notMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    t.equal(stdout.split('\n').length, 3)
  }
  t.strictSame(await users('remove', '1'), done(`Removed ${shown}.`))

  const { stderr } = await users('show', '\u001b[31m\u009b31m')
  t.notMatch(stderr.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u, 'nor of what was typed')
})

t.test('npm run users reports a broken database in one line, without its password', async t => {
  const { users, path } = start(t)
  writeFileSync(path, 'This is a letter, and not a database at all.')
  t.strictSame(await users('list'), failed('file is not a database'))
  const { users: elsewhere } = start(t, { DATABASE_URL: 'mysql://articles:hunter2@db' })
  t.strictSame(await elsewhere('list'), failed(`DATABASE_URL: the value (not shown) is invalid; expected sqlite:<path>, sqlite::memory: or ${postgresUrlForm}`))
})

const pageSize = 60

/** A pool that lists its users as Cognito does, in pages. */
function serveUsers (pool: UserPool, usernames: string[]): void {
  const users = usernames.map(username => ({ Username: username, Enabled: true, UserStatus: 'CONFIRMED', Attributes: [{ Name: 'sub', Value: `subject-of-${username}` }] }))
  pool.answer = async (request, response) => {
    response.setHeader('content-type', 'application/x-amz-json-1.1')
    const from = Number(JSON.parse(await text(request)).PaginationToken ?? 0)
    if (request.headers['x-amz-target']?.toString().endsWith('.DescribeUserPool')) return response.end(JSON.stringify({ UserPool: { EstimatedNumberOfUsers: 70 } }))
    response.end(JSON.stringify({ Users: users.slice(from, from + pageSize), ...(from + pageSize < users.length && { PaginationToken: `${from + pageSize}` }) }))
  }
}

/** A user pool, and `process` with the variables of the AWS SDK, which looks for them in its process. */
async function startSync (t: Test, changes: Record<string, string> = {}) {
  const pool = await startPool(t)
  return {
    pool,
    ...start(t, {
      AWS_USER_POOLS_ID: pool.id,
      AWS_APP_CLIENT_ID: pool.clientId,
      AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
      ...changes
    })
  }
}

t.test('npm run users sync prints its changes and its progress', async t => {
  const { pool, users, process } = await startSync(t)
  const usernames = Array.from({ length: 68 }, (_, index) => `user${index + 1}`)
  serveUsers(pool, [...usernames, 'mallory\u001b[2J', '\u001b\0'])

  const dry = await process('sync', '--dry-run', '--pages-per-second', '30')
  t.match(dry.stdout, /\nWould make 70 changes\.\n$/)
  t.strictSame(JSON.parse((await users('list', '--json')).stdout), [])

  const { status, stdout, stderr } = await process('sync', '--pages-per-second', '30')
  t.equal(status, 0)
  t.equal(stderr, `${pool.id}: 60 of about 70 users seen, 60 changes\n${pool.id}: 70 of about 70 users seen, 70 changes\n`)
  const lines = stdout.split('\n')
  t.strictSame([lines.length, lines[0], lines[67]], [72, 'added  user1  no verified e-mail address', 'added  user68  no verified e-mail address'])
  t.strictSame(lines.slice(68), ['added  mallory\ufffd[2J  no verified e-mail address', 'left alone  "\\u001b\\u0000"  a name or an e-mail address that cannot be stored', 'Made 70 changes.', ''])
  t.equal(dry.stdout, stdout.replace('Made', 'Would make'))

  serveUsers(pool, usernames.slice(0, 67))
  const json = await process('sync', '--json', '--pages-per-second', '30')
  t.match(JSON.parse(json.stdout), [
    { action: 'disabled', username: 'user68', detail: 'not in the user pool any more' },
    { action: 'disabled', username: 'mallory\u001b[2J' }
  ])
  t.match(json.stderr, /users seen, 0 changes\n$/)
})

t.test('npm run users sync stops before it disables a large share of the users, unless forced', async t => {
  const { pool, users, process } = await startSync(t)
  serveUsers(pool, Array.from({ length: 8 }, (_, index) => `user${index}`))
  await process('sync')
  serveUsers(pool, ['user0', 'user1', 'new'])
  const reason = `The listing of ${pool.id} lacks 6 of 9 users, so it may be incomplete. None of them was disabled. If they were removed, run the command again with --force.`
  const states = async () => JSON.parse((await users('list', '--json')).stdout).filter(({ disabled }: { disabled: boolean }) => disabled).length

  const dry = await process('sync', '--dry-run')
  t.match(dry, { status: 1, stdout: 'added  new  no verified e-mail address\n', stderr: /lacks 6 of 8 users/ })
  const json = await process('sync', '--json')
  t.strictSame([json.status, JSON.parse(json.stdout).length, json.stderr.split('\n').at(-2)], [1, 1, reason])
  t.equal((await process('sync', '--json')).stdout, '')
  t.equal(await states(), 0)

  const forced = await process('sync', '--force')
  t.strictSame([forced.status, forced.stdout.split('\n').at(-2), await states()], [0, 'Made 6 changes.', 6])
})

t.test('npm run users sync does not need an estimate', async t => {
  const { pool, process } = await startSync(t)
  pool.answer = (request, response) => {
    const known = request.headers['x-amz-target']?.toString().endsWith('.ListUsers')
    response.writeHead(known ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' }).end(known ? '{"Users":[]}' : '{"__type":"AccessDeniedException"}')
  }
  t.strictSame(await process('sync'), { status: 0, stdout: 'Made 0 changes.\n', stderr: `${pool.id}: 0 users seen, 0 changes\n` })
})

t.test('npm run users sync reports missing credentials and configuration, with exit status 1', async t => {
  // Where the AWS SDK would look for credentials of whoever runs the tests.
  const elsewhere = { HOME: '/dev/null', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' }
  const { process } = await startSync(t, { ...elsewhere, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' })
  t.strictSame(await process('sync'), failed('Could not load credentials from any providers'))

  const { users: unset } = await startSync(t, { ...elsewhere, AWS_USER_POOLS_ID: '' })
  t.match(await unset('sync'), { status: 1, stdout: '', stderr: /^AWS_USER_POOLS_ID: not set; expected .*\n$/ })

  const { pool, process: refused } = await startSync(t)
  pool.answer = (_request, response) => response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"NotAuthorizedException","message":"nobody may not"}')
  t.strictSame(await refused('sync'), failed('nobody may not'))
})
