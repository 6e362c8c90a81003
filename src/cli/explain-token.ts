import { Console } from 'node:console'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import cognitoAuth, { isCognitoAuthError, type VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import { listIssuers, type Issuer } from '../../plugins/cognito-auth/issuers.ts'
import { cognitoAuthOptions } from '../cognito/auth-options.ts'
import { authenticationProblem } from '../cognito/authentication-problem.ts'
import { readConfig, type Config } from '../config.ts'
import { openDatabase } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { ConfigError } from '../environment/read.ts'
import { Problem } from '../problems/catalogue.ts'
import { findSignOut } from '../users/sign-out-queries.ts'
import { rejectSignedOut } from '../users/sign-out.ts'
import { checkConnections, errorText } from './check-connections.ts'
import { explainLocalUser } from './explain-local-user.ts'
import { explainRejection, isTokenReason } from './explain-rejection.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { readTokenParts } from './token-parts.ts'

const help = `npm run explain-token -- TOKEN      (or the token on standard input)

Says whether the service accepts a token with the current environment. For a rejected token, it names the failed check,
the expected value, the found value and a fix. It also checks the key servers and the database. It does not print the
token, and sends requests to the configured key servers only.
Exit status: 0 if the service accepts the token, otherwise 1.`

if (import.meta.main) process.exitCode = await explainToken(process.argv.slice(2), process)

/** @returns the exit status */
export async function explainToken (args: string[], { env, stdin, stdout, stderr }: Terminal): Promise<number> {
  const console = new Console(stdout, stderr)
  if (args.includes('--help') || (args.length === 0 && stdin.isTTY)) {
    console.log(help)
    return 0
  }
  try {
    const config = readConfig(env)
    const input = args[0] ?? await text(stdin)
    const token = input.trim().replace(/^(authorization: *)?bearer +/i, '')
    const { isAccepted, lines } = await explain(token, config)
    for (const line of lines) console.log(line)
    return isAccepted ? 0 : 1
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    return 1
  }
}

interface Explanation { isAccepted: boolean, lines: string[] }

async function explain (token: string, config: Config): Promise<Explanation> {
  const issuers = listIssuers(config)
  const handle = openDatabase(config.databaseUrl, { mustExist: true })
  const { db } = handle
  try {
    const result = await verify(token, config)
    const { isAccepted, lines } = result instanceof Problem
      ? rejection(result, token, config, issuers)
      : await explainUser(result, token, config, db, issuers)
    return { isAccepted, lines: [...lines, '', 'Configuration:', ...await checkConnections(issuers, config, db)] }
  } finally {
    await handle.close()
  }
}

/** Verifies the token with the plugin of the service. */
async function verify (token: string, config: Config): Promise<VerifiedUser | Problem> {
  const server = Fastify()
  let result: VerifiedUser | Problem = new Problem('internal_error', 'The token was not verified.')
  await server.register(cognitoAuth, cognitoAuthOptions(config))
  server.get('/', { onRequest: server.authenticate }, async ({ user }) => { result = user })
  server.setErrorHandler(async error => { if (isCognitoAuthError(error)) result = authenticationProblem(error) })
  await server.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  await server.close()
  return result
}

function rejection ({ code, message, reason }: Problem, token: string, config: Config, issuers: Issuer[]): Explanation {
  if (!isTokenReason(reason)) {
    return { isAccepted: false, lines: [`The service cannot verify this token: ${code}`, `  ${message}`] }
  }
  const rules = { ...config, issuers: issuers.map(({ name }) => name) }
  const { expected, found, fix } = explainRejection(reason, readTokenParts(token), rules, Date.now())
  return {
    isAccepted: false,
    lines: [
      `The service rejects this token: ${code}, ${reason}`,
      `  ${message}`,
      `  Expected  ${printable(expected)}`,
      `  Found     ${printable(found)}`,
      `  Fix       ${printable(fix)}`
    ]
  }
}

/** Explains a valid token: the service may reject it because of a sign-out or its local user. */
async function explainUser (
  user: VerifiedUser, token: string, config: Config, db: Database, issuers: Issuer[]
): Promise<Explanation> {
  const expiry = new Date(user.expiresAt * 1000).toISOString()
  const identity = `  It is a valid ${user.tokenUse} token of ${printable(user.username)} and expires at ${expiry}.`
  try {
    rejectSignedOut(await findSignOut(db, user), user)
    const { code, lines } = await explainLocalUser(db, user, config)
    const isAccepted = code === undefined
    const result = isAccepted ? 'The service accepts this token.' : `The service rejects this token: ${code}`
    return { isAccepted, lines: [result, identity, ...lines.map(line => `  ${printable(line)}`)] }
  } catch (error) {
    if (error instanceof Problem) return rejection(error, token, config, issuers)
    const cause = `  Its local user cannot be read: ${errorText(error)}`
    return { isAccepted: false, lines: ['The service cannot accept this token: storage_unavailable', identity, cause] }
  }
}
