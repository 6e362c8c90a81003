import { Console } from 'node:console'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import cognitoAuth, { isCognitoAuthError, type VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import { keySetFetcher } from '../../plugins/cognito-auth/keys/fetch-key-set.ts'
import { listIssuers, type Issuer } from '../../plugins/cognito-auth/issuers.ts'
import { parseKeySet } from '../../plugins/cognito-auth/keys/key-set.ts'
import { cognitoAuthOptions } from '../cognito/auth-options.ts'
import { authenticationProblem } from '../cognito/authentication-problem.ts'
import { ConfigError, readConfig, type Config } from '../config.ts'
import { listPendingMigrations } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems/catalogue.ts'
import { findSignOut } from '../users/sign-out-queries.ts'
import { rejectSignedOut } from '../users/sign-out.ts'
import { explainRefusal, isExplained, readLeniently } from './explain-refusal.ts'
import { explainUser } from './explain-user.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'

const help = `npm run explain-token -- TOKEN      (or the token on standard input)

Says whether the service, with the environment at hand, accepts a token, and if not, which check failed, what was expected,
what was found, and what to do. It also checks the configuration itself. The token is not printed, and nothing is sent anywhere
but to the configured key server. Exit status: 0 where the token is accepted, 1 where it is not.`

if (import.meta.main) process.exitCode = await explainToken(process.argv.slice(2), process)

/** @returns the exit status */
export async function explainToken (args: string[], { env, stdin, stdout, stderr }: Terminal): Promise<number> {
  const console = new Console(stdout, stderr)
  if (args.includes('--help') || (args.length === 0 && stdin.isTTY)) {
    console.log(help)
    return 0
  }
  try {
    const given = args[0] ?? await text(stdin)
    const accepted = await explain(given.trim().replace(/^(authorization: *)?bearer +/i, ''), readConfig(env), line => console.log(line))
    return accepted ? 0 : 1
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    return 1
  }
}

interface Explanation { accepted: boolean, lines: string[] }

/** @returns whether the service accepts the token */
async function explain (token: string, config: Config, print: (line: string) => void): Promise<boolean> {
  const issuers = listIssuers(config)
  const db = openDatabase(config.databaseUrl, { mustExist: true })
  try {
    const verdict = await verify(token, config)
    const { accepted, lines } = verdict instanceof Problem ? refused(verdict, token, config, issuers) : await verified(verdict, token, config, db, issuers)
    for (const line of [...lines, '', 'The configuration:']) print(line)
    for (const issuer of issuers) print(await check(`keys of ${issuer.name}${issuer.optional ? ' (most pools do not have this issuer)' : ''}`, () => keyServer(issuer, config)))
    print(await check('database', () => database(db)))
    return accepted
  } finally {
    await db.destroy()
  }
}

/** The plugin of the service itself judges the token. */
async function verify (token: string, config: Config): Promise<VerifiedUser | Problem> {
  const server = Fastify()
  let verdict: VerifiedUser | Problem = new Problem('internal_error', 'The token was not judged.')
  await server.register(cognitoAuth, cognitoAuthOptions(config))
  server.get('/', { onRequest: server.authenticate }, async ({ user }) => { verdict = user })
  server.setErrorHandler(async error => { if (isCognitoAuthError(error)) verdict = authenticationProblem(error) })
  await server.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  await server.close()
  return verdict
}

function refused ({ code, message, reason }: Problem, token: string, config: Config, issuers: Issuer[]): Explanation {
  if (!isExplained(reason)) return { accepted: false, lines: [`The token cannot be judged: ${code}`, `  ${message}`] }
  const { expected, found, fix } = explainRefusal(reason, readLeniently(token), { ...config, issuers: issuers.map(({ name }) => name) }, Date.now())
  return {
    accepted: false,
    lines: [
      `The token is refused: ${code}, ${reason}`,
      `  ${message}`,
      `  Expected  ${printable(expected)}`,
      `  Found     ${printable(found)}`,
      `  Fix       ${printable(fix)}`
    ]
  }
}

async function verified (user: VerifiedUser, token: string, config: Config, db: Database, issuers: Issuer[]): Promise<Explanation> {
  const good = `The token is good: an ${user.tokenUse} token of ${printable(user.username)}, until ${new Date(user.expiresAt * 1000).toISOString()}`
  try {
    rejectSignedOut(await findSignOut(db, user), user)
    const { accepted, lines } = await explainUser(db, user, config)
    return { accepted, lines: [good, ...lines.map(line => `  ${printable(line)}`)] }
  } catch (error) {
    const why = error instanceof Problem
      ? refused(error, token, config, issuers).lines
      : [`  Whether there is a local user cannot be said: ${reason(error)}`]
    return { accepted: false, lines: [good, ...why] }
  }
}

async function keyServer ({ jwksUri }: Issuer, config: Config): Promise<string> {
  const keys = parseKeySet(await keySetFetcher({})(jwksUri, new AbortController().signal), config)
  return `${jwksUri} has the key ids ${[...keys.keys()].map(printable).join(', ')}`
}

async function database (db: Database): Promise<string> {
  const pending = await listPendingMigrations(db)
  if (pending.length > 0) throw new Error(`it lacks the migrations ${pending.join(', ')}; npm run migrate applies them`)
  return 'answers, with every migration applied'
}

async function check (what: string, look: () => Promise<string>): Promise<string> {
  try {
    return `  ok      ${what}: ${await look()}`
  } catch (error) {
    return `  FAILED  ${what}: ${reason(error)}`
  }
}

function reason (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return printable(error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message)
}
