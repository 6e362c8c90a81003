import { setTimeout as wait } from 'node:timers/promises'
import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import type { Identity } from './identity.ts'
import { findUser, type User } from './queries.ts'
import { saveSignOut, updateSignOutExpiry, type SignOut } from './sign-out-queries.ts'

/** A user as Cognito's API knows it. */
export interface ApiUser {
  issuer: string
  username: string
}

/**
 * Begins to end sessions at Cognito too, where the service may do that. Its refresh tokens then give no new
 * tokens.
 */
export type EndSessions = (user: ApiUser, onEnded: () => Promise<void>) => void

type Session = Pick<VerifiedUser, 'authTime' | 'originJti'>

// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html
const maxTokenLifetimeMs = 24 * 3_600_000
/** The tokens of a refresh keep the `auth_time` of the sign-in. */
const maxRefreshTokenLifetimeMs = 3_650 * 24 * 3_600_000

/** Clocks that differ by more than this are broken. */
const maxClockDifferenceSeconds = 60

/**
 * Ends all sessions of a user that have begun, and records the actor. Cognito gives the start of a session in
 * whole seconds, so this returns when the second is over. A sign-in after that is accepted.
 *
 * Cognito's clock dates sessions, and this clock dates the sign-out. Where this clock is behind, the newest
 * sign-in that was seen of the user counts instead. Where this clock is ahead, sessions begun within the
 * difference end too.
 * @param session the session that requests it; null where another user does
 * @throws {Problem} `conflict` where the user has no session
 */
export async function signOut (db: Database, actor: Actor, user: User, session: Session | null, endSessions: EndSessions): Promise<void> {
  const { issuer, sub: subject, kind, cognitoUsername } = user
  if (issuer === null || subject === null) {
    throw new Problem('conflict', 'This user has never signed in here, so there is no session to end. Disable the user to keep it out.')
  }
  const identity = { issuer, subject }
  const now = Date.now()
  const isClient = kind === 'client'
  // A machine client has no refresh token.
  const lifetimeMs = isClient ? maxTokenLifetimeMs : maxRefreshTokenLifetimeMs
  const at = await inTransaction(db, async transaction => {
    const newest = (await findUser(transaction, user.id))?.authTime
    const at = Math.max(Math.floor(now / 1000), session?.authTime ?? 0, newest ?? 0)
    await saveSignOut(transaction, identity, { at, originJti: session?.originJti ?? null }, new Date(now + lifetimeMs).toISOString())
    await insertAudit(transaction, actor, 'signed_out', user)
    return at
  })
  if (!isClient) endSessions({ issuer, username: apiUsername(subject, cognitoUsername) }, () => shortenExpiry(db, identity, at))
  await wait(1000 - now % 1000)
}

// Cognito's API finds a native user by its subject, and a federated one by its Cognito username alone:
// provider, `_`, id. A native user whose username has the same form is found by it as well.
function apiUsername (subject: string, cognitoUsername: string | null): string {
  return cognitoUsername !== null && /^[^_]+_./.test(cognitoUsername) ? cognitoUsername : subject
}

/**
 * Whether a token tells of a newer sign-in than is stored of its user. Older sign-ins need not be stored:
 * every clock has passed them.
 * @param authTime seconds since the epoch
 */
export function isNewSignIn (authTime: number, { authTime: stored }: User): boolean {
  return authTime > (stored ?? 0) && authTime > Date.now() / 1000 - maxClockDifferenceSeconds
}

/** @throws {Problem} `invalid_auth_token` for a token whose session was signed out */
export function rejectSignedOut (signOut: SignOut | undefined, { authTime, originJti }: VerifiedUser): void {
  if (signOut === undefined) return
  const isEnded = (authTime ?? 0) <= signOut.at || (originJti !== null && originJti === signOut.originJti)
  if (!isEnded) return
  const description = 'The session of the token was signed out'
  throw new Problem('invalid_auth_token', `${description}.`, {
    headers: { 'www-authenticate': `Bearer realm="articles", error="invalid_token", error_description="${description}"` },
    reason: 'signed_out'
  })
}

// Cognito gives no new tokens any more, so the sign-out is needed until the last token has expired.
async function shortenExpiry (db: Database, identity: Identity, at: number): Promise<void> {
  await updateSignOutExpiry(db, identity, at, new Date(Date.now() + maxTokenLifetimeMs).toISOString())
}
