import { setTimeout as wait } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import { findUser, type User } from './queries.ts'
import { saveSignOut, updateSignOutExpiry, type Identity, type SignOut } from './sign-out-queries.ts'

/** Begins to end sessions at Cognito too, so that its refresh tokens give no new tokens, where the service may do that. */
export type EndSessions = (identity: Identity, onEnded: () => Promise<void>) => void

type Session = Pick<VerifiedUser, 'authTime' | 'originJti'>

// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html
// In milliseconds: the longest life of an id or access token, and of a refresh token, whose tokens keep its auth_time.
const longestToken = 24 * 3_600_000
const longestRefreshToken = 3_650 * 24 * 3_600_000

/** Clocks that differ by more than this are broken. */
const maxClockDifferenceS = 60

/**
 * Ends all sessions of a user that have begun, and records the actor. Cognito gives the start of a session in whole
 * seconds, so this returns when the second is over. A sign-in after that is accepted.
 *
 * Cognito's clock dates sessions, and this clock dates the sign-out. Where this clock is behind, the newest sign-in that
 * was seen of the user counts instead. Where this clock is ahead, sessions begun within the difference end too.
 * @param session the session that asks for it; null where another user does
 * @throws {Problem} `conflict` where the user has no session
 */
export async function signOut (db: Database, actor: Actor, user: User, session: Session | null, endSessions: EndSessions): Promise<void> {
  const { issuer, sub: subject } = user
  if (issuer === null || subject === null) {
    throw new Problem('conflict', 'This user has never signed in here, so there is no session to end. Disable the user to keep it out.')
  }
  const identity = { issuer, subject }
  const now = Date.now()
  const at = await inTransaction(db, async transaction => {
    const newest = (await findUser(transaction, user.id))?.authTime
    const at = Math.max(Math.floor(now / 1000), session?.authTime ?? 0, newest ?? 0)
    await saveSignOut(transaction, identity, { at, originJti: session?.originJti ?? null }, new Date(now + longestRefreshToken).toISOString())
    await insertAudit(transaction, actor, 'signed_out', user)
    return at
  })
  endSessions(identity, () => updateSignOutExpiry(db, identity, at, new Date(Date.now() + longestToken).toISOString()))
  await wait(1000 - now % 1000)
}

/**
 * Whether a token tells of a newer sign-in than is stored of its user. Older sign-ins need not be stored: every clock
 * has passed them.
 * @param authTime seconds since the epoch
 */
export function isNewSignIn (authTime: number, { authTime: stored }: User): boolean {
  return authTime > (stored ?? 0) && authTime > Date.now() / 1000 - maxClockDifferenceS
}

/** @throws {Problem} `invalid_auth_token` for a token whose session was signed out */
export function refuseSignedOut (signOut: SignOut | undefined, { authTime, originJti }: VerifiedUser): void {
  if (signOut === undefined) return
  if ((authTime ?? 0) <= signOut.at || (originJti !== null && originJti === signOut.originJti)) {
    throw new Problem('invalid_auth_token', 'The session of the token was signed out.', {
      headers: { 'www-authenticate': 'Bearer realm="articles", error="invalid_token", error_description="The session of the token was signed out"' },
      reason: 'signed_out'
    })
  }
}
