import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { run, until, type RunningProcess } from '../support/service-process.ts'

// Most of the time is spent waiting for processes.
t.jobs = 3

const execute = promisify(execFile)

interface Settings {
  PORT: string
  COGNITO_PORT: string
  DEV_DATA: string
  [variable: string]: string
}

/** A running `npm run dev`, with the commands that it printed. */
interface Dev extends RunningProcess {
  /** Sets `TOKEN`, which the other commands use. */
  token: string
  me: string
  list: string
  create: string
  /** Gets a token for the machine client. */
  machine: string
}

/** Two free ports, and a folder that is removed after the test. */
async function settings (t: Test): Promise<Settings> {
  const folder = await mkdtemp(join(tmpdir(), 'dev-'))
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return { PORT: await freePort(), COGNITO_PORT: await freePort(), DEV_DATA: join(folder, 'data') }
}

function runDev (t: Test, variables: Record<string, string>, ...args: string[]): RunningProcess {
  return run(t, 'dev/dev.ts', variables, { args, covered: false })
}

/** Starts `npm run dev` and waits for its first screen. */
async function startDev (t: Test, variables: Settings): Promise<Dev> {
  const dev = runDev(t, variables)
  await new Promise<void>(resolve => {
    dev.exited.then(() => resolve())
    dev.child.stdout?.on('data', () => { if (dev.output.stdout.includes('Ctrl-C stops both servers.\n')) resolve() })
  })
  const [token = '', me = '', list = '', create = '', machine = ''] = dev.output.stdout.split('\n').filter(line => /^ {2}(TOKEN=|curl )/.test(line)).map(line => line.trim())
  t.equal(dev.output.stderr, '')
  return { ...dev, token, me, list, create, machine }
}

/** Runs commands in a shell without the variables of this process, and returns the output. */
async function shell (...commands: string[]): Promise<string> {
  const { stdout } = await execute('sh', ['-c', commands.join('\n')], { env: { PATH: process.env.PATH }, cwd: tmpdir() })
  return stdout
}

/** The status and body that a printed curl command gets, with a new token. */
async function responseTo (command: string, token: string): Promise<{ status: number, body: unknown }> {
  const printed = await shell(token, `${command} -sS -w '\\n%{http_code}'`)
  const end = printed.lastIndexOf('\n')
  return { status: Number(printed.slice(end)), body: JSON.parse(printed.slice(0, end)) }
}

async function cognito ({ COGNITO_PORT }: Settings, operation: string, request: Record<string, unknown>): Promise<{ status: number, body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${COGNITO_PORT}/`, {
    method: 'POST',
    headers: { 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}`, connection: 'close' },
    body: JSON.stringify({ ClientId: 'articlesdev', ...request })
  })
  return { status: response.status, body: await response.json() }
}

function signIn (variables: Settings, username: string, password: string): Promise<{ status: number, body: unknown }> {
  return cognito(variables, 'InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD: password } })
}

async function listen (port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function isFree (port: string): Promise<boolean> {
  try {
    const server = await listen(Number(port))
    await new Promise(resolve => server.close(resolve))
    return true
  } catch {
    return false
  }
}

// A port below the ephemeral range: the system may give an ephemeral port to another test.
async function freePort (): Promise<string> {
  const port = `${randomInt(10_000, 32_000)}`
  return await isFree(port) ? port : freePort()
}

/** The id token that the printed command gets. */
async function newToken ({ token }: Dev): Promise<string> {
  return (await shell(token, 'echo "$TOKEN"')).trim()
}

/** Asserts that a process ended with these lines on stderr, nothing else, and status 1. */
async function assertFailure (t: Test, { output, exited }: RunningProcess, lines: Array<string | RegExp>): Promise<void> {
  t.equal(await exited, 1)
  const written = output.stderr.trimEnd().split('\n')
  t.match(written, lines)
  t.equal(written.length, lines.length, output.stderr)
  t.notMatch(output.stdout, 'curl')
}

t.test('npm run dev prints commands that work as they are, and stores their data', async t => {
  const variables = await settings(t)
  const first = await startDev(t, variables)
  t.strictSame(await responseTo(first.list, first.token), { status: 200, body: [] })
  t.match(await responseTo(first.create, first.token), { status: 201, body: { id: 1, name: 'My first article', author: 'alice' } })
  t.match(await shell(first.token, first.list), /^\[\{"id":1,/)
  t.match(await responseTo(first.me, first.token), { status: 200, body: { username: 'alice' } })

  const { access_token: machineToken } = JSON.parse(await shell(first.machine))
  t.match(await responseTo(first.list, `TOKEN=${machineToken}`), { status: 200 }, 'the machine client')
  const token = await newToken(first)
  t.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  const me = await fetch(`http://127.0.0.1:${variables.PORT}/me`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
  t.equal(me.status, 200)
  t.match(await me.json(), { username: 'alice', email: 'alice@example.com', groups: ['authors'] })
  const users = Array.from(first.output.stdout.matchAll(/^ {2}(\w+) +password (\S+) /gm))
  t.equal(users.length, 2)
  for (const [, username = '', password = ''] of users) t.match(await signIn(variables, username, password), { status: 200 }, username)

  const user = { Username: 'carol', Password: 'Correct-horse-1' }
  await cognito(variables, 'SignUp', { ...user, UserAttributes: [{ Name: 'email', Value: 'carol@example.com' }] })
  const code = () => /^E-mail to carol@example\.com, SignUp: the code is (\d{6})$/m.exec(first.output.stdout)?.[1]
  await until(() => code() !== undefined)
  t.match(await cognito(variables, 'ConfirmSignUp', { ...user, ConfirmationCode: code() }), { status: 200 })
  const { body: admin } = await signIn(variables, 'admin', 'Admin-2026')
  const audit = await fetch(`http://127.0.0.1:${variables.PORT}/admin/audit?limit=1`, { headers: { authorization: Object(admin).AuthenticationResult.IdToken, connection: 'close' } })
  t.match(await audit.json(), [{ actor: 'post-confirmation', action: 'created', username: 'carol' }], 'the Lambda called the webhook')

  first.child.kill('SIGINT')
  t.equal(await first.exited, 0)
  t.equal(first.output.stderr, '')
  t.ok(await isFree(variables.PORT))
  t.ok(await isFree(variables.COGNITO_PORT))

  const second = await startDev(t, variables)
  t.match(await responseTo(second.list, second.token), { status: 200, body: [{ id: 1, name: 'My first article' }] })
  t.match(await responseTo(second.list, `TOKEN=${token}`), { status: 200 }, 'the signing key is stored')
  t.match(await signIn(variables, 'carol', user.Password), { status: 200 })
  second.child.kill('SIGTERM')
  t.equal(await second.exited, 0)
  t.equal(second.output.stderr, '')
})

t.test('npm run dev ends sessions at Cognito when the service ends them', async t => {
  const variables = await settings(t)
  const { output } = await startDev(t, variables)
  const { body } = await signIn(variables, 'alice', 'Alice-2026')
  const { IdToken, RefreshToken } = Object(body).AuthenticationResult
  const headers = { authorization: `Bearer ${IdToken}`, connection: 'close' }
  const refresh = () => cognito(variables, 'GetTokensFromRefreshToken', { RefreshToken })
  t.match(await refresh(), { status: 200 })

  const signOut = await fetch(`http://127.0.0.1:${variables.PORT}/me/sign-out`, { method: 'POST', headers })
  t.equal(signOut.status, 204)
  t.match(await (await fetch(`http://127.0.0.1:${variables.PORT}/me`, { headers })).json(), { code: 'invalid_auth_token' })
  await until(async () => (await refresh()).status === 400)
  t.match(await refresh(), { status: 400, body: { __type: 'NotAuthorizedException' } })
  t.equal(output.stderr, '')
})

t.test('npm run dev lets the service finish a request after two signals', async t => {
  const variables = await settings(t)
  const dev = await startDev(t, variables)
  const { child, exited, output } = dev
  const headers = { authorization: `Bearer ${await newToken(dev)}`, connection: 'close' }
  t.equal((await fetch(`http://127.0.0.1:${variables.PORT}/me`, { headers })).status, 200)
  // A sign-out takes effect at once, and its response waits for the end of the second.
  await until(() => Date.now() % 1000 < 100)
  const signOut = fetch(`http://127.0.0.1:${variables.PORT}/me/sign-out`, { method: 'POST', headers })
  await until(async () => (await fetch(`http://127.0.0.1:${variables.PORT}/me`, { headers })).status === 401)
  child.kill('SIGINT')
  await new Promise(resolve => setTimeout(resolve, 100))
  // The terminal signals every process, and then npm passes the signal on.
  child.kill('SIGINT')
  t.equal((await signOut).status, 204)
  t.equal(await exited, 0)
  t.equal(output.stderr, '')
})

t.test('npm run dev names a port in use, and leaves nothing running', async t => {
  for (const variable of ['PORT', 'COGNITO_PORT']) {
    const variables = await settings(t)
    const taken = await listen(Number(variables[variable]))
    t.teardown(() => taken.close())
    await assertFailure(t, runDev(t, variables), [`Port ${variables[variable]} is taken. Stop what listens there, or set ${variable}.`])
    t.ok(await isFree(variable === 'PORT' ? variables.COGNITO_PORT : variables.PORT))
    t.notOk(existsSync(variables.DEV_DATA), 'the data of the other process is left alone')
  }
})

t.test('npm run dev names an invalid variable', async t => {
  const variables = await settings(t)
  await assertFailure(t, runDev(t, { ...variables, COGNITO_PORT: 'nine' }), ['COGNITO_PORT: held "nine"; npm run dev takes a port number, 1 to 65535'])
  await assertFailure(t, runDev(t, { ...variables, PORT: '0' }), ['PORT: held "0"; npm run dev takes a port number, 1 to 65535'])
  await assertFailure(t, runDev(t, { ...variables, USER_PROVISIONING: 'sometimes' }), [/^USER_PROVISIONING: "sometimes" is invalid; expected /])
  const elsewhere = { AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: 'http://127.0.0.1:4566' }
  await assertFailure(t, runDev(t, { ...variables, ...elsewhere }), [/^AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: held "http:\/\/127\.0\.0\.1:4566"; .*unset it/])
  await assertFailure(t, runDev(t, variables, '--port', '1'), ['npm run dev takes no arguments but --help; it got --port 1'])
})

t.test('npm run dev prefers variables of the environment to its own', async t => {
  const variables = await settings(t)
  const dev = await startDev(t, { ...variables, USER_PROVISIONING: 'strict', AWS_USER_POOLS_ID: 'local_Other1', AWS_APP_CLIENT_ID: 'otherclient', LOG_LEVEL: ' ' })
  t.match(dev.token, '"ClientId":"otherclient"')
  t.match(await responseTo(dev.list, dev.token), { status: 403, body: { code: 'no_such_user' } })
})

t.test('npm run dev ends when the service does', async t => {
  const variables = await settings(t)
  await assertFailure(t, runDev(t, { ...variables, DATABASE_URL: `sqlite:${tmpdir()}` }), [/^The service cannot start: /])
  t.ok(await isFree(variables.COGNITO_PORT))

  const { child, exited, output } = await startDev(t, variables)
  const { stdout } = await execute('ps', ['-o', 'pid=', '--ppid', `${child.pid}`])
  process.kill(Number(stdout), 'SIGKILL')
  t.equal(await exited, 1)
  t.equal(output.stderr, 'The service was ended by SIGKILL.\n')
  t.ok(await isFree(variables.COGNITO_PORT))
})

t.test('npm run dev leaves no service behind when it is killed', async t => {
  const variables = await settings(t)
  const { child } = await startDev(t, variables)
  child.kill('SIGKILL')
  await until(() => isFree(variables.PORT))
  t.ok(await isFree(variables.COGNITO_PORT))
})

t.test('npm run dev -- --help says what it does', async t => {
  const { exited, output } = runDev(t, {}, '--help')
  t.equal(await exited, 0)
  t.match(output.stdout, /COGNITO_PORT/)
  t.equal(output.stderr, '')
})
