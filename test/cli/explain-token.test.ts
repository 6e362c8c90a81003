import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { explainToken } from '../../src/cli/explain-token.ts'
import { explainRefusal, readLeniently, type ExplainedReason } from '../../src/cli/explain-refusal.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Database } from '../../src/database/tables.ts'
import { saveSignOut } from '../../src/users/sign-out-queries.ts'
import { insertUser, updateUser, type NewUser } from '../../src/users/queries.ts'
import { runCommand, type Outcome } from '../support/command.ts'
import { environment, startPool } from '../support/app.ts'
import { run } from '../support/service-process.ts'
import { encode, makeKey, sign, type UserPool } from '../support/user-pool.ts'

interface Asking {
  variables?: Record<string, string>
  /** Given on the command line unless `onInput` says otherwise. */
  onInput?: string
  /** As `npm run explain-token` does it, and not in this process. */
  ownProcess?: boolean
}

interface Started {
  pool: UserPool
  db: Database
  explain (token: string, asking?: Asking): Promise<Outcome>
}

const now = () => Math.floor(Date.now() / 1000)

/** `npm run explain-token` over a pool and a database of the test's own. Whatever it says, it never says the token. */
async function start (t: Test, changes: Record<string, string> = {}): Promise<Started> {
  const pool = await startPool(t)
  const DATABASE_URL = `sqlite:${t.testdir()}/articles.db`
  const db = openDatabase(DATABASE_URL)
  t.teardown(() => db.destroy())
  await migrateToLatest(db)
  return {
    pool,
    db,
    explain: async (token, { variables = {}, onInput, ownProcess = false } = {}) => {
      const env = { ...environment(pool, { DATABASE_URL, ...changes }), ...variables }
      const args = onInput === undefined ? [token] : []
      const { status, ...output } = ownProcess ? await runProcess(t, args, env, onInput) : await runCommand(explainToken, args, env, onInput)
      for (const segment of token.split('.')) {
        if (segment.length > 16) t.notOk(`${output.stdout}${output.stderr}`.includes(segment), 'a segment of the token was printed')
      }
      return { status, ...output }
    }
  }
}

async function runProcess (t: Test, args: string[], env: Record<string, string>, input?: string): Promise<Outcome> {
  const { child, exited, output } = run(t, 'src/cli/explain-token.ts', env, { args })
  child.stdin?.end(input)
  return { status: await exited, ...output }
}

/** What is said of a token that is refused: the codes, what was expected and found, and the fix. */
function verdict ({ status, stdout, stderr }: Outcome): Record<string, unknown> {
  const line = (name: string) => new RegExp(`^ *${name} *(.*)$`, 'm').exec(stdout)?.[1]
  return { status, stderr, refused: line('The token is refused:'), expected: line('Expected'), found: line('Found'), fix: line('Fix') }
}

function alice (pool: UserPool, changes: Partial<NewUser> = {}): NewUser {
  return { username: 'alice', email: 'alice@example.com', issuer: pool.issuer, sub: 'c4a5d0d2-0001-4000-8000-000000000001', ...changes }
}

t.test('npm run explain-token says why a token is refused, what was expected, what was found, and what to do', async t => {
  const { pool, explain } = await start(t)
  const key = pool.key.privateKey
  const [header = '', payload = '', signature = ''] = pool.idToken().split('.')
  const expiry = now() - 3 * 3600

  const cases: [token: string, refused: string, expected: string | RegExp, found: string | RegExp, fix: string | RegExp][] = [
    [`${header}.\n${payload}.${signature}..`, 'malformed', /^three base64url segments/, /^5 segments/, /A refresh token has five segments/],
    ['x'.repeat(17_000), 'too_long', 'at most 16,384 characters', '17000', /Send the token alone/],
    [sign(key, { alg: 'HS256', kid: pool.key.kid }, pool.idClaims()), 'algorithm', 'alg RS256', 'alg "HS256"', /not its work/],
    [sign(key, { alg: 'RS256' }, pool.idClaims()), 'key_id', 'a kid of 1 to 128 characters', 'kid absent', /not its work/],
    [sign(key, pool.header({ crit: ['exp'] }), pool.idClaims()), 'critical_header', 'no crit and no b64 in the header', 'alg, kid, crit', /not its work/],
    [pool.idToken({ iss: `${pool.endpoint}/eu-west-1_Other` }), 'issuer', `iss ${pool.issuer}`, `iss "${pool.endpoint}/eu-west-1_Other"`, /^The token is from another user pool/],
    [pool.idToken({}, makeKey('\u001b[31m\u009b')), 'unknown_key', 'a kid that the user pool publishes', 'kid "\\u001b[31m\ufffd"', /^Sign in again: the key may have been withdrawn.*every 3600 s\.$/],
    [`${header}.${encode(pool.idClaims({ sub: 'mallory' }))}.${signature}`, 'signature', `a signature by the key "${pool.key.kid}"`, 'one that does not verify', /^The token was changed/],
    [pool.idToken({ exp: undefined }), 'expiry', 'an exp that is a time, in seconds', 'exp absent', /not its work/],
    [pool.idToken({ aud: 'client2' }), 'client', 'aud client1', 'aud "client2"', /AWS_APP_CLIENT_ID/],
    [pool.accessToken({ client_id: 'client2' }), 'client', 'client_id client1', 'client_id "client2"', /AWS_APP_CLIENT_ID/],
    [pool.idToken({ sub: '' }), 'subject', 'a sub of 1 to 255 characters', 'sub ""', /not its work/]
  ]
  for (const [token, reason, expected, found, fix] of cases) {
    t.match(verdict(await explain(token)), { status: 1, stderr: '', refused: `invalid_auth_token, ${reason}`, expected, found, fix }, reason)
  }

  const expired = await explain(pool.idToken({ exp: expiry }))
  t.match(verdict(expired), {
    status: 1,
    refused: 'expired_auth_token, expired',
    expected: 'an exp in the future',
    found: `exp ${new Date(expiry * 1000).toISOString()}, 3 h ago`,
    fix: 'Sign in again, or use the refresh token.'
  })
  const nbf = now() + 40
  t.match(verdict(await explain(pool.idToken({ nbf, iat: nbf }))), {
    status: 1,
    refused: 'invalid_auth_token, not_yet_valid',
    expected: 'an nbf that is absent or past',
    found: new RegExp(`^nbf ${new Date(nbf * 1000).toISOString()}, in [1-4]?\\d s$`),
    fix: 'If the token is fresh, the clock of this machine is behind: synchronise it (NTP).'
  })
  const access = { variables: { COGNITO_TOKEN_USE: 'access' } }
  t.match(verdict(await explain(pool.idToken(), access)), {
    status: 1,
    refused: 'invalid_auth_token, token_use',
    expected: 'token_use access',
    found: 'token_use "id"',
    fix: 'Send the access token that the same sign-in gave, or change COGNITO_TOKEN_USE.'
  })
})

t.test('the configuration is checked whatever the token', async t => {
  const { pool, explain } = await start(t)
  const { stdout } = await explain('gibberish')
  t.equal(stdout.slice(stdout.indexOf('The configuration')), [
    'The configuration:',
    `  ok      keys of ${pool.issuer}: ${pool.issuer}/.well-known/jwks.json has the key ids ${pool.key.kid}`,
    '  ok      database: answers, with every migration applied',
    ''
  ].join('\n'))
})

t.test('a token that is accepted is told with its user, and exit status 0', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  const exp = now() + 3600
  for (const [kind, token] of [['id', pool.idToken({ exp, iat: now() + 40 })], ['access', pool.accessToken({ exp, username: 'ali\u001bce' })]] as const) {
    const { status, stdout, stderr } = await explain(token)
    t.strictSame([status, stderr], [0, ''])
    t.ok(stdout.startsWith(`The token is good: an ${kind} token of ${kind === 'id' ? 'alice' : 'ali\ufffdce'}, until ${new Date(exp * 1000).toISOString()}\n  The local user is alice, number 1.\n\nThe configuration:\n`), stdout)
  }
})

t.test('the token is taken from standard input, and with what stood around it', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  const token = pool.idToken()
  t.match(await explain(token, { onInput: `  Authorization: Bearer ${token}\r\n`, ownProcess: true }), { status: 0, stdout: /^The token is good/, stderr: '' })
  t.match(await explain(`bearer ${token}`), { status: 0, stdout: /^The token is good/ })
  t.match(await explain('', { onInput: '\n', ownProcess: true }), { status: 1, stdout: /^The token cannot be judged: no_auth_token\n/, stderr: '' })
})

t.test('npm run explain-token names the local user, or the reason and the fix, as the service decides', async t => {
  const { pool, db, explain } = await start(t)
  const strict = { variables: { USER_PROVISIONING: 'strict' } }
  const told = async (token: string, asking: Asking = {}) => {
    const { status, stdout } = await explain(token, asking)
    const [, line, fix] = stdout.split('\n')
    return status === 0 ? [line?.trim()] : [line?.trim(), fix?.trim()]
  }
  const rejected = (text: string, fix: string) => [`But its requests are rejected: ${text}`, `Fix       ${fix}`]
  const bindUser = 'Bind a user: npm run users -- bind USER SUBJECT --pool POOL.'
  const subject = alice(pool).sub ?? ''

  t.strictSame(await told(pool.idToken()), ['A local user is made on its first request.'])
  t.strictSame(await told(pool.accessToken()), ['A local user is made on its first request.'])
  t.strictSame(await told(pool.idToken(), strict), rejected(
    'no_such_user. No local user has this e-mail address. An administrator must add the user first.',
    'Add one (npm run users -- add), or add all users of the pool (npm run users -- sync).'
  ))
  t.strictSame(await told(pool.idToken({ email: undefined }), strict), rejected(
    'no_such_user. The id token has no e-mail claim, so no local user is found by its address. An administrator must bind this user.',
    `Let the app client read the attribute email, and request the scope email. ${bindUser}`
  ))
  t.strictSame(await told(pool.accessToken(), strict), rejected(
    'no_such_user. No local user is bound to this subject. Come once with an id token: this access token has no e-mail address.', bindUser
  ))
  const accessOnly = { variables: { USER_PROVISIONING: 'strict', COGNITO_TOKEN_USE: 'access' } }
  t.strictSame(await told(pool.accessToken(), accessOnly), rejected(
    'no_such_user. No local user is bound to this subject. An administrator must bind this user.', bindUser
  ))
  t.strictSame(await db.selectFrom('users').selectAll().execute(), [], 'and no user was made')

  await insertUser(db, alice(pool, { issuer: null, sub: null }))
  t.strictSame(await told(pool.idToken({ email: 'ALICE@example.com' }), strict), ['The local user alice is bound to it on its first request.'])
  t.strictSame(await told(pool.idToken({ email: 'bob@example.com', email_verified: false }), strict), rejected(
    'email_not_verified. The e-mail address is not verified. Verify it with Cognito, and sign in again.',
    `Verify the address with Cognito. ${bindUser}`
  ))
  t.strictSame(await told(pool.idToken({ identities: [{ providerName: 'Google' }] }), strict), rejected(
    'email_not_verified. The e-mail address of a federated user does not count as verified. An administrator must bind this user.',
    `The unbound user alice has this address. If it is the same person: npm run users -- bind 1 ${subject} --pool ${pool.id}.`
  ))
  await updateUser(db, 1, { disabled: true })
  t.strictSame(await told(pool.idToken()), rejected(
    'user_disabled. The local user is disabled, and not bound yet.', 'Enable it: npm run users -- enable.'
  ))
  await updateUser(db, 1, { issuer: pool.issuer, sub: subject })
  t.strictSame(await told(pool.accessToken()), rejected('user_disabled. The local user is disabled.', 'Enable it: npm run users -- enable.'))
  t.strictSame(await told(pool.idToken({ sub: 'another' })), ['A local user is made on its first request.'])
})

t.test('npm run explain-token names the scope that a machine client lacks', async t => {
  const { pool, explain } = await start(t)
  const lines = async (scope: string, variables = {}) => {
    const { stdout } = await explain(pool.accessToken({ sub: pool.clientId, username: undefined, scope }), { variables })
    return stdout.slice(0, stdout.indexOf('\n\n')).split('\n').slice(1).map(line => line.trim())
  }
  const grant = 'Allow the scope to the app client in Cognito, and request it with the token.'
  t.strictSame(await lines(''), ['But its requests are rejected: insufficient_scope. This needs the scope articles/read.', `Fix       ${grant}`])
  t.strictSame(await lines('articles/read'), ['A local user is made on its first request.', `It may read, and lacks the scope articles/write. ${grant}`])
  t.strictSame(await lines('articles/read articles/write'), ['A local user is made on its first request.'])
  t.match(await lines('articles/read', { USER_PROVISIONING: 'strict' }), [/no_such_user/, /npm run users -- add NAME --subject CLIENT_ID/, /It may read/])
})

t.test('a session that was signed out is refused', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  await saveSignOut(db, { issuer: pool.issuer, subject: alice(pool).sub ?? '' }, { at: now() - 60, originJti: null }, new Date(Date.now() + 3_600_000).toISOString())
  const authTime = now() - 120
  t.match(verdict(await explain(pool.idToken({ auth_time: authTime }))), {
    status: 1,
    refused: 'invalid_auth_token, signed_out',
    expected: 'a session begun after the last sign-out',
    found: `auth_time ${new Date(authTime * 1000).toISOString()}`,
    fix: 'Sign in again.'
  })
})

t.test('a key server that cannot be reached leaves the token unjudged', async t => {
  const { pool, explain } = await start(t)
  const token = pool.idToken()
  await pool.down()
  const { status, stdout, stderr } = await explain(token)
  t.strictSame([status, stderr], [1, ''])
  t.match(stdout, /^The token cannot be judged: identity_provider_unavailable\n/)
  t.match(stdout, `  FAILED  keys of ${pool.issuer}: `)
  t.match(stdout, 'ECONNREFUSED')
  t.match(stdout, '  ok      database: ')
})

t.test('a database that lacks migrations, or cannot be opened, is told', async t => {
  const { pool, explain } = await start(t)
  const folder = t.testdir({ 'empty.db': '' })
  const missing = await explain(pool.idToken(), { variables: { DATABASE_URL: `sqlite:${folder}/new.db` } })
  t.equal(missing.status, 1)
  t.match(missing.stdout, '  FAILED  database: unable to open database file')
  t.notOk(existsSync(`${folder}/new.db`), 'and none is made')

  const lacking = await explain(pool.idToken(), { variables: { DATABASE_URL: `sqlite:${folder}/empty.db` } })
  t.equal(lacking.status, 1)
  t.match(lacking.stdout, /^The token is good: .*\n {2}Whether there is a local user cannot be said: no such table: sign_outs\n/)
  t.match(lacking.stdout, /^ {2}FAILED {2}database: it lacks the migrations 2026-11-23-01-users-articles-key-sets, .*; npm run migrate applies them$/m)

  const unopened = await explain(pool.idToken(), { variables: { DATABASE_URL: 'sqlite:/dev/null/articles.db' } })
  t.equal(unopened.status, 1)
  t.match(unopened.stdout, /Whether there is a local user cannot be said: /)
  t.match(unopened.stdout, /^ {2}FAILED {2}database: /m)
})

t.test('an environment that is wrong is told a line a fault, with exit status 1', async t => {
  const { pool, explain } = await start(t, { AWS_APP_CLIENT_ID: '', USER_PROVISIONING: 'perhaps' })
  t.strictSame(await explain(pool.idToken(), { ownProcess: true }), {
    status: 1,
    stdout: '',
    stderr: 'AWS_APP_CLIENT_ID: is not set; it takes app client ids, comma separated\nUSER_PROVISIONING: held "perhaps"; it takes strict or auto\n'
  })
})

t.test('npm run explain-token -- --help says what it does', async t => {
  const { exited, output } = run(t, 'src/cli/explain-token.ts', {}, { args: ['--help'] })
  t.equal(await exited, 0)
  t.match(output, { stdout: /^npm run explain-token -- TOKEN .*Exit status: 0 where the token is accepted, 1 where it is not\.\n$/s, stderr: '' })
})

t.test('explainRefusal reads times as people do, and suspects a clock', async t => {
  const at = 1_800_000_000
  const explain = (reason: ExplainedReason, claims: Record<string, unknown>) =>
    explainRefusal(reason, { segments: 3, length: 900, header: {}, claims }, { clientIds: ['client1'], tokenUse: ['id'], jwksMaxAge: 3600, issuers: [] }, at * 1000)

  const expired = { 119: '119 s ago', 120: '2 min ago', 7199: '120 min ago', 7200: '2 h ago', 172_799: '48 h ago', 172_800: '2 days ago' }
  for (const [seconds, ago] of Object.entries(expired)) t.equal(explain('expired', { exp: at - Number(seconds) }).found, `exp ${new Date((at - Number(seconds)) * 1000).toISOString()}, ${ago}`)
  t.equal(explain('expired', { exp: -9e12 }).found, 'exp -9000000000000, 104187500 days ago')
  t.equal(explain('not_yet_valid', { nbf: 'soon' }).found, 'nbf "soon", which is not a time')
  t.equal(explain('signed_out', {}).found, 'auth_time absent')

  t.match(explain('expired', { exp: at - 299 }).fix, 'the clock of this machine is ahead')
  t.equal(explain('expired', { exp: at - 300 }).fix, 'Sign in again, or use the refresh token.')
  t.equal(explain('expired', { exp: at - 9000, iat: at + 40 }).fix, 'The token was issued in 40 s: the clock of this machine is behind. Synchronise it (NTP).')

  t.equal(explain('two_headers', {}).found, 'two')
  t.equal(explain('subject', { sub: 'x'.repeat(300) }).found.length, 'sub '.length + 200)
})

t.test('readLeniently reads what can be read of anything', async t => {
  t.strictSame(readLeniently(''), { segments: 1, length: 0, header: {}, claims: {} })
  t.strictSame(readLeniently('a.b'), { segments: 2, length: 3, header: {}, claims: {} })
  t.strictSame(readLeniently(`${encode({ alg: 'none' })}.${encode('null')}.`), { segments: 3, length: 27, header: { alg: 'none' }, claims: {} })
})
