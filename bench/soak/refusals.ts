import { randomUUID } from 'node:crypto'
import type { Accounts } from './accounts.ts'
import type { Caller } from './caller.ts'
import { pick } from './pick.ts'
import type { Ask } from './traffic.ts'

/** Tokens that are no good, of every kind. */
export async function showBadToken (caller: Caller, accounts: Accounts): Promise<void> {
  const person = accounts.someone
  const [code, token] = pick([
    () => ['no_auth_token', undefined] as const,
    () => ['invalid_auth_token', person.forgedToken()] as const,
    () => ['invalid_auth_token', person.strayToken()] as const,
    () => ['expired_auth_token', person.expiredToken()] as const,
    () => ['invalid_auth_token', person.goneToken()] as const
  ])()
  if (token === undefined && code !== 'no_auth_token') return
  const path = pick(['/articles', '/me', '/admin/users', '/admin/audit'])
  const answer = await caller.ask({ path, token, withoutStorage: true, due: [`401 ${code}`] })
  if (answer !== undefined) caller.check(answer.headers['www-authenticate'] !== undefined, 'a refusal without a challenge', answer)
}

/** Tokens that are good, or were a moment ago, and of no use here. */
export async function showUselessToken (caller: Caller, accounts: Accounts): Promise<void> {
  const person = accounts.someone
  await caller.ask({ path: pick(['/admin/users', '/admin/audit']), token: person.token(), due: ['403 forbidden'] })
  const signedOut = person.signedOutToken()
  if (signedOut !== undefined) await caller.ask({ path: pick(['/articles', '/me']), token: signedOut, due: ['401 invalid_auth_token'] })
  const withdrawn = person.withdrawnToken()
  if (withdrawn !== undefined) await caller.ask({ path: '/me', token: withdrawn, due: ['200', '401 invalid_auth_token'] })
}

export async function makeMistake (caller: Caller, accounts: Accounts): Promise<void> {
  const token = accounts.someone.token()
  await caller.ask(pick<Ask>([
    { path: `/${randomUUID()}`, withoutStorage: true, due: ['404 not_found'] },
    { path: '/articles/9007199254740991', token, due: ['404 not_found'] },
    { method: 'PUT', path: '/articles', withoutStorage: true, due: ['405 method_not_allowed'] },
    { path: '/articles?limit=0', token, due: ['400 validation_failed'] },
    { path: '/articles/none', token, due: ['404 not_found'] },
    { method: 'POST', path: '/articles', token, body: '{"name":', due: ['400 malformed_json'] },
    { method: 'POST', path: '/articles', token, body: { name: ' ' }, due: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: { name: 'x'.repeat(51) }, due: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: { name: 'Of two', author: 'me' }, due: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' }, due: ['415 unsupported_media_type'] }
  ]))
}

export async function askForHealth (caller: Caller): Promise<void> {
  await caller.ask({ path: '/health/live', withoutStorage: true, due: ['200'] })
  await caller.ask({ path: '/health/ready', due: ['200'] })
}
