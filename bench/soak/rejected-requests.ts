import { randomUUID } from 'node:crypto'
import type { Users } from './users.ts'
import type { PacedSender } from './paced-sender.ts'
import { pick } from './pick-random.ts'
import type { SoakRequest } from './traffic.ts'

/** Sends no token, or an invalid one. */
export async function sendInvalidToken (sender: PacedSender, users: Users): Promise<void> {
  const user = users.any
  const [code, token] = pick([
    () => ['no_auth_token', undefined] as const,
    () => ['invalid_auth_token', user.forgedToken()] as const,
    () => ['invalid_auth_token', user.unknownKeyToken()] as const,
    () => ['expired_auth_token', user.expiredToken()] as const,
    () => ['invalid_auth_token', user.revokedToken()] as const
  ])()
  if (token === undefined && code !== 'no_auth_token') return
  const path = pick(['/articles', '/me', '/admin/users', '/admin/audit'])
  const response = await sender.send({ path, token, skipsDatabase: true, expected: [`401 ${code}`] })
  if (response !== undefined) sender.check(response.headers['www-authenticate'] !== undefined, 'a 401 without a challenge', response)
}

/** Sends a token without the permission, of an ended session, or with a key that the pool removed. */
export async function sendForbiddenToken (sender: PacedSender, users: Users): Promise<void> {
  const user = users.any
  await sender.send({ path: pick(['/admin/users', '/admin/audit']), token: user.token(), expected: ['403 forbidden'] })
  const signedOut = user.signedOutToken()
  if (signedOut !== undefined) await sender.send({ path: pick(['/articles', '/me']), token: signedOut, expected: ['401 invalid_auth_token'] })
  const withdrawn = user.withdrawnToken()
  if (withdrawn !== undefined) await sender.send({ path: '/me', token: withdrawn, expected: ['200', '401 invalid_auth_token'] })
}

export async function sendInvalidRequest (sender: PacedSender, users: Users): Promise<void> {
  const token = users.any.token()
  await sender.send(pick<SoakRequest>([
    { path: `/${randomUUID()}`, skipsDatabase: true, expected: ['404 not_found'] },
    { path: '/articles/9007199254740991', token, expected: ['404 not_found'] },
    { method: 'PUT', path: '/articles', skipsDatabase: true, expected: ['405 method_not_allowed'] },
    { path: '/articles?limit=0', token, expected: ['400 validation_failed'] },
    { path: '/articles/none', token, expected: ['404 not_found'] },
    { method: 'POST', path: '/articles', token, body: '{"name":', expected: ['400 malformed_json'] },
    { method: 'POST', path: '/articles', token, body: { name: ' ' }, expected: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: { name: 'x'.repeat(51) }, expected: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: { name: 'Of two', author: 'me' }, expected: ['400 validation_failed'] },
    { method: 'POST', path: '/articles', token, body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' }, expected: ['415 unsupported_media_type'] }
  ]))
}

export async function requestHealth (sender: PacedSender): Promise<void> {
  await sender.send({ path: '/health/live', skipsDatabase: true, expected: ['200'] })
  await sender.send({ path: '/health/ready', expected: ['200'] })
}
