import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { explainToken } from '../../src/cli/explain-token.ts'
import { explainRejection, type TokenReason } from '../../src/cli/explain-rejection.ts'
import { readTokenParts } from '../../src/cli/token-parts.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Database } from '../../src/database/tables.ts'
import { saveSignOut } from '../../src/users/sign-out-queries.ts'
import { insertUser, updateUser, type NewUser } from '../../src/users/queries.ts'
import { runCommand, type Outcome } from '../support/command.ts'
import { environment, startPool } from '../support/app.ts'
import { run } from '../support/service-process.ts'
import { encode, makeKey, sign, type UserPool } from '../support/user-pool.ts'

interface ExplainOptions {
  variables?: Record<string, string>
  /** Standard input. Without it, the token is the argument. */
  input?: string
  /** Runs the command as a process, as `npm run explain-token` does. */
  ownProcess?: boolean
}

interface Started {
  pool: UserPool
  db: Database
  explain (token: string, options?: ExplainOptions): Promise<Outcome>
}

const now = () => Math.floor(Date.now() / 1000)

/**
 * `npm run explain-token` with a user pool and a database of its own. Asserts that the output never holds the
 * token.
 */
async function start (t: Test, changes: Record<string, string> = {}): Promise<Started> {
  const pool = await startPool(t)
  const DATABASE_URL = `sqlite:${t.testdir()}/articles.db`
  const database = openDatabase(DATABASE_URL)
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  return {
    pool,
    db,
    explain: async (token, { variables = {}, input, ownProcess = false } = {}) => {
      const env = { ...environment(pool, { DATABASE_URL, ...changes }), ...variables }
      const args = input === undefined ? [token] : []
      const { status, ...output } = ownProcess ? await runProcess(t, args, env, input) : await runCommand(explainToken, args, env, input)
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

/** The parts of the output for a rejected token. */
function rejectionOf ({ status, stdout, stderr }: Outcome): Record<string, unknown> {
  const line = (name: string) => new RegExp(`^ *${name} *(.*)$`, 'm').exec(stdout)?.[1]
  return { status, stderr, rejected: line('The service rejects this token:'), expected: line('Expected'), found: line('Found'), fix: line('Fix') }
}

/** The decision, its code and the lines about the local user. */
function summary ({ status, stdout }: Outcome): (string | number)[] {
  const [decision = '', , ...lines] = stdout.slice(0, stdout.indexOf('\n\n')).split('\n')
  return [status, decision.replace(/^The service (\w+) this token\.?/, '$1'), ...lines.map(line => line.trim())]
}

function alice (pool: UserPool, changes: Partial<NewUser> = {}): NewUser {
  return { username: 'alice', email: 'alice@example.com', issuer: pool.issuer, sub: 'c4a5d0d2-0001-4000-8000-000000000001', ...changes }
}

t.test('npm run explain-token prints the check that rejects a token, the expected and the found value, and a fix', async t => {
  const { pool, explain } = await start(t)
  const key = pool.key.privateKey
  const [header = '', payload = '', signature = ''] = pool.idToken().split('.')
  const expiry = now() - 3 * 3600

  const cases: [token: string, rejected: string, expected: string | RegExp, found: string | RegExp, fix: string | RegExp][] = [
    [`${header}.\n${payload}.${signature}..`, 'malformed', /^three base64url segments/, /^5 segments/, /A refresh token has five segments/],
    ['x'.repeat(17_000), 'too_long', 'at most 16,384 characters', '17000', /Send the token alone/],
    [sign(key, { alg: 'HS256', kid: pool.key.kid }, pool.idClaims()), 'algorithm', 'alg RS256', 'alg "HS256"', /^This token is not from Cognito\./],
    [sign(key, { alg: 'RS256' }, pool.idClaims()), 'key_id', 'a kid of 1 to 128 characters', 'kid absent', /^This token is not from Cognito\./],
    [sign(key, pool.header({ crit: ['exp'] }), pool.idClaims()), 'critical_header', 'no crit and no b64 in the header', 'alg, kid, crit', /^This token is not from Cognito\./],
    [pool.idToken({ iss: `${pool.endpoint}/eu-west-1_Other` }), 'issuer', `iss ${pool.issuer}`, `iss "${pool.endpoint}/eu-west-1_Other"`, /^The token is from another user pool/],
    [pool.idToken({}, makeKey('\u001b[31m\u009b')), 'unknown_key', 'a kid that the user pool publishes', 'kid "\\u001b[31m\ufffd"', /^Sign in again: the user pool may have removed the key.*every 3600 s\.$/],
    [`${header}.${encode(pool.idClaims({ sub: 'mallory' }))}.${signature}`, 'signature', `a signature by the key "${pool.key.kid}"`, 'a signature that does not verify', /^The token was changed/],
    [pool.idToken({ exp: undefined }), 'expiry', 'an exp that is a time, in seconds', 'exp absent', /^This token is not from Cognito\./],
    [pool.idToken({ aud: 'client2' }), 'client', 'aud client1', 'aud "client2"', /AWS_APP_CLIENT_ID/],
    [pool.accessToken({ client_id: 'client2' }), 'client', 'client_id client1', 'client_id "client2"', /AWS_APP_CLIENT_ID/],
    [pool.idToken({ sub: '' }), 'subject', 'a sub of 1 to 255 characters', 'sub ""', /^This token is not from Cognito\./]
  ]
  for (const [token, reason, expected, found, fix] of cases) {
    t.match(rejectionOf(await explain(token)), { status: 1, stderr: '', rejected: `invalid_auth_token, ${reason}`, expected, found, fix }, reason)
  }

  const expired = await explain(pool.idToken({ exp: expiry }))
  t.match(rejectionOf(expired), {
    status: 1,
    rejected: 'expired_auth_token, expired',
    expected: 'an exp in the future',
    found: `exp ${new Date(expiry * 1000).toISOString()}, 3 h ago`,
    fix: 'Sign in again, or use the refresh token.'
  })
  const nbf = now() + 40
  t.match(rejectionOf(await explain(pool.idToken({ nbf, iat: nbf }))), {
    status: 1,
    rejected: 'invalid_auth_token, not_yet_valid',
    expected: 'an nbf that is absent or past',
    found: new RegExp(`^nbf ${new Date(nbf * 1000).toISOString()}, in [1-4]?\\d s$`),
    fix: 'If the token is new, the clock of this machine is behind. Synchronise it (NTP).'
  })
  const access = { variables: { COGNITO_TOKEN_USE: 'access' } }
  t.match(rejectionOf(await explain(pool.idToken(), access)), {
    status: 1,
    rejected: 'invalid_auth_token, token_use',
    expected: 'token_use access',
    found: 'token_use "id"',
    fix: 'Send the access token of the same sign-in, or change COGNITO_TOKEN_USE.'
  })
})

t.test('npm run explain-token checks the key servers and the database for any token', async t => {
  const { pool, explain } = await start(t)
  const { stdout } = await explain('gibberish')
  t.equal(stdout.slice(stdout.indexOf('Configuration:')), [
    'Configuration:',
    `  ok      keys of ${pool.issuer}: ${pool.issuer}/.well-known/jwks.json publishes the key ids ${pool.key.kid}`,
    '  ok      database: reachable, all migrations applied',
    ''
  ].join('\n'))
})

t.test('npm run explain-token says that a token is accepted, with its user and exit status 0', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  const exp = now() + 3600
  for (const [kind, token] of [['id', pool.idToken({ exp, iat: now() + 40 })], ['access', pool.accessToken({ exp, username: 'ali\u001bce' })]] as const) {
    const { status, stdout, stderr } = await explain(token)
    t.strictSame([status, stderr], [0, ''])
    t.ok(stdout.startsWith(`The service accepts this token.\n  It is a valid ${kind} token of ${kind === 'id' ? 'alice' : 'ali\ufffdce'} and expires at ${new Date(exp * 1000).toISOString()}.\n  The local user is alice (id 1).\n\nConfiguration:\n`), stdout)
  }
})

t.test('npm run explain-token reads a token from standard input, with or without its header name and scheme', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  const token = pool.idToken()
  t.match(await explain(token, { input: `  Authorization: Bearer ${token}\r\n`, ownProcess: true }), { status: 0, stdout: /^The service accepts this token\./, stderr: '' })
  t.match(await explain(`bearer ${token}`), { status: 0, stdout: /^The service accepts this token\./ })
  t.match(await explain('', { input: '\n', ownProcess: true }), { status: 1, stdout: /^The service cannot verify this token: no_auth_token\n/, stderr: '' })
})

t.test('npm run explain-token decides about the local user as the service does', async t => {
  const { pool, db, explain } = await start(t)
  const strict = { variables: { USER_PROVISIONING: 'strict' } }
  const decide = async (token: string, options: ExplainOptions = {}) => summary(await explain(token, options))
  const accepted = (text: string) => [0, 'accepts', text]
  const rejected = (code: string, text: string, fix: string) => [1, `rejects: ${code}`, text, `Fix       ${fix}`]
  const bindUser = 'Bind a user: npm run users -- bind USER SUBJECT --pool POOL.'
  const enableUser = 'Enable it: npm run users -- enable.'
  const subject = alice(pool).sub ?? ''

  t.strictSame(await decide(pool.idToken()), accepted('Its first request creates a local user.'))
  t.strictSame(await decide(pool.accessToken()), accepted('Its first request creates a local user.'))
  t.strictSame(await decide(pool.idToken(), strict), rejected(
    'no_such_user', 'No local user has this e-mail address. An administrator must add the user first.',
    'Add one (npm run users -- add), or add all users of the pool (npm run users -- sync).'
  ))
  t.strictSame(await decide(pool.idToken({ email: undefined }), strict), rejected(
    'no_such_user', 'The id token has no e-mail claim, so no local user is found by its address. An administrator must bind this user.',
    `Let the app client read the attribute email, and request the scope email. ${bindUser}`
  ))
  t.strictSame(await decide(pool.accessToken(), strict), rejected(
    'no_such_user', 'No local user is bound to this subject. Come once with an id token: this access token has no e-mail address.', bindUser
  ))
  const accessOnly = { variables: { USER_PROVISIONING: 'strict', COGNITO_TOKEN_USE: 'access' } }
  t.strictSame(await decide(pool.accessToken(), accessOnly), rejected(
    'no_such_user', 'No local user is bound to this subject. An administrator must bind this user.', bindUser
  ))
  t.strictSame(await db.selectFrom('users').selectAll().execute(), [], 'no user was created')

  await insertUser(db, alice(pool, { issuer: null, sub: null }))
  t.strictSame(await decide(pool.idToken({ email: 'ALICE@example.com' }), strict), accepted('Its first request binds the local user alice.'))
  t.strictSame(await decide(pool.idToken({ email: 'bob@example.com', email_verified: false }), strict), rejected(
    'email_not_verified', 'The e-mail address is not verified. Verify it with Cognito, and sign in again.',
    `Verify the address with Cognito. ${bindUser}`
  ))
  t.strictSame(await decide(pool.idToken({ identities: [{ providerName: 'Google' }] }), strict), rejected(
    'email_not_verified', 'The e-mail address of a federated user does not count as verified. An administrator must bind this user.',
    `The unbound user alice has this address. If it is the same person: npm run users -- bind 1 ${subject} --pool ${pool.id}.`
  ))
  await updateUser(db, 1, { disabled: true })
  t.strictSame(await decide(pool.idToken()), rejected('user_disabled', 'The local user is disabled, and not bound yet.', enableUser))
  await updateUser(db, 1, { issuer: pool.issuer, sub: subject })
  t.strictSame(await decide(pool.accessToken()), rejected('user_disabled', 'The local user is disabled.', enableUser))
  t.strictSame(await decide(pool.idToken({ sub: 'another' })), accepted('Its first request creates a local user.'))
})

t.test('npm run explain-token names the scope that a machine client lacks', async t => {
  const { pool, explain } = await start(t)
  const decide = async (scope: string, variables = {}) =>
    summary(await explain(pool.accessToken({ sub: pool.clientId, username: undefined, scope }), { variables }))
  const grant = 'Allow the scope to the app client in Cognito, and request it with the token.'
  t.strictSame(await decide(''), [1, 'rejects: insufficient_scope', 'Its requests need the scope articles/read.', `Fix       ${grant}`])
  t.strictSame(await decide('articles/read'), [0, 'accepts', 'Its first request creates a local user.', `It may read, and lacks the scope articles/write. ${grant}`])
  t.strictSame(await decide('articles/read articles/write'), [0, 'accepts', 'Its first request creates a local user.'])
  t.match(await decide('articles/read', { USER_PROVISIONING: 'strict' }), [1, 'rejects: no_such_user', /./, /npm run users -- add NAME --subject CLIENT_ID/, /It may read/])
})

t.test('npm run explain-token rejects the token of a session that was signed out', async t => {
  const { pool, db, explain } = await start(t)
  await insertUser(db, alice(pool))
  await saveSignOut(db, { issuer: pool.issuer, subject: alice(pool).sub ?? '' }, { at: now() - 60, originJti: null }, new Date(Date.now() + 3_600_000).toISOString())
  const authTime = now() - 120
  t.match(rejectionOf(await explain(pool.idToken({ auth_time: authTime }))), {
    status: 1,
    rejected: 'invalid_auth_token, signed_out',
    expected: 'a session that began after the last sign-out',
    found: `auth_time ${new Date(authTime * 1000).toISOString()}`,
    fix: 'Sign in again.'
  })
})

t.test('npm run explain-token cannot verify a token while the key server is unreachable', async t => {
  const { pool, explain } = await start(t)
  const token = pool.idToken()
  await pool.down()
  const { status, stdout, stderr } = await explain(token)
  t.strictSame([status, stderr], [1, ''])
  t.match(stdout, /^The service cannot verify this token: identity_provider_unavailable\n/)
  t.match(stdout, `  FAILED  keys of ${pool.issuer}: `)
  t.match(stdout, 'ECONNREFUSED')
  t.match(stdout, '  ok      database: ')
})

t.test('npm run explain-token reports a database that is missing, lacks migrations or cannot be opened', async t => {
  const { pool, explain } = await start(t)
  const folder = t.testdir({ 'empty.db': '' })
  const missing = await explain(pool.idToken(), { variables: { DATABASE_URL: `sqlite:${folder}/new.db` } })
  t.equal(missing.status, 1)
  t.match(missing.stdout, '  FAILED  database: unable to open database file')
  t.notOk(existsSync(`${folder}/new.db`), 'no file is created')

  const lacking = await explain(pool.idToken(), { variables: { DATABASE_URL: `sqlite:${folder}/empty.db` } })
  t.equal(lacking.status, 1)
  t.match(lacking.stdout, /^The service cannot accept this token: storage_unavailable\n.*\n {2}Its local user cannot be read: no such table: sign_outs\n/)
  t.match(lacking.stdout, /^ {2}FAILED {2}database: these migrations are missing: 2026-11-23-01-users-articles-key-sets, .*; apply them with npm run migrate$/m)

  const unopened = await explain(pool.idToken(), { variables: { DATABASE_URL: 'sqlite:/dev/null/articles.db' } })
  t.equal(unopened.status, 1)
  t.match(unopened.stdout, /Its local user cannot be read: /)
  t.match(unopened.stdout, /^ {2}FAILED {2}database: /m)
})

t.test('npm run explain-token reports an invalid environment with one line per variable and exit status 1', async t => {
  const { pool, explain } = await start(t, { AWS_APP_CLIENT_ID: '', USER_PROVISIONING: 'perhaps' })
  t.strictSame(await explain(pool.idToken(), { ownProcess: true }), {
    status: 1,
    stdout: '',
    stderr: 'AWS_APP_CLIENT_ID: not set; expected app client ids, comma separated\nUSER_PROVISIONING: "perhaps" is invalid; expected strict or auto\n'
  })
})

t.test('npm run explain-token -- --help prints the help', async t => {
  const { exited, output } = run(t, 'src/cli/explain-token.ts', {}, { args: ['--help'] })
  t.equal(await exited, 0)
  t.match(output, { stdout: /^npm run explain-token -- TOKEN .*Exit status: 0 if the service accepts the token, otherwise 1\.\n$/s, stderr: '' })
})

t.test('explainRejection prints times and distances, and hints at a wrong clock', async t => {
  const at = 1_800_000_000
  const explain = (reason: TokenReason, claims: Record<string, unknown>) =>
    explainRejection(reason, { segments: 3, length: 900, header: {}, claims }, { clientIds: ['client1'], tokenUse: ['id'], jwksMaxAgeSeconds: 3600, issuers: [] }, at * 1000)

  const expired = { 119: '119 s ago', 120: '2 min ago', 7199: '120 min ago', 7200: '2 h ago', 172_799: '48 h ago', 172_800: '2 days ago' }
  for (const [seconds, ago] of Object.entries(expired)) t.equal(explain('expired', { exp: at - Number(seconds) }).found, `exp ${new Date((at - Number(seconds)) * 1000).toISOString()}, ${ago}`)
  t.equal(explain('expired', { exp: -9e12 }).found, 'exp -9000000000000, 104187500 days ago')
  t.equal(explain('not_yet_valid', { nbf: 'soon' }).found, 'nbf "soon", which is not a time')
  t.equal(explain('signed_out', {}).found, 'auth_time absent')

  t.match(explain('expired', { exp: at - 299 }).fix, 'the clock of this machine is ahead')
  t.equal(explain('expired', { exp: at - 300 }).fix, 'Sign in again, or use the refresh token.')
  t.equal(explain('expired', { exp: at - 9000, iat: at + 40 }).fix, 'The token was issued in 40 s, so the clock of this machine is behind. Synchronise it (NTP).')

  t.equal(explain('two_headers', {}).found, 'two')
  t.equal(explain('subject', { sub: 'x'.repeat(300) }).found.length, 'sub '.length + 200)
})

t.test('readTokenParts reads any text without an error', async t => {
  t.strictSame(readTokenParts(''), { segments: 1, length: 0, header: {}, claims: {} })
  t.strictSame(readTokenParts('a.b'), { segments: 2, length: 3, header: {}, claims: {} })
  t.strictSame(readTokenParts(`${encode({ alg: 'none' })}.${encode('null')}.`), { segments: 3, length: 27, header: { alg: 'none' }, claims: {} })
})
