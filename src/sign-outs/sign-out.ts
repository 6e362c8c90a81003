import { setTimeout as wait } from 'node:timers/promises'
import { insertAudit } from '../audit/queries.ts'
import { TokenRefusal } from '../cognito/refusal.ts'
import type { VerifiedUser } from '../cognito/verified-user.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import type { User } from '../users/queries.ts'
import { saveSignOut, updateSignOutExpiry, type Identity, type SignOut } from './queries.ts'

/** Begins to end sessions at Cognito too, so that its refresh tokens give no new tokens, where the service may do that. */
export type EndSessions = (identity: Identity, onEnded: () => Promise<void>) => void

type Session = Pick<VerifiedUser, 'authTime' | 'originJti'>

// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html
// In milliseconds: the longest life of an id or access token, and of a refresh token, whose tokens keep its auth_time.
const longestToken = 24 * 3_600_000
const longestRefreshToken = 3_650 * 24 * 3_600_000

/**
 * Ends all sessions of a user that have begun, and notes who did. Cognito tells the beginning of a session in whole seconds, so this
 * returns when the second is over: who signs in after that is surely in, and who was in before is surely out.
 * @param session the one that asks for it, ended even where Cognito's clock is ahead of ours; null where another user does
 */
export async function signOut (db: Database, actor: string, user: User, session: Session | null, endSessions: EndSessions): Promise<void> {
  const { issuer, sub: subject } = user
  // Who was never bound has no session.
  if (issuer === null || subject === null) return
  const identity = { issuer, subject }
  const now = Date.now()
  const at = Math.max(Math.floor(now / 1000), session?.authTime ?? 0)
  await inTransaction(db, async transaction => {
    await saveSignOut(transaction, identity, { at, originJti: session?.originJti ?? null }, new Date(now + longestRefreshToken).toISOString())
    await insertAudit(transaction, actor, 'signed_out', user)
  })
  endSessions(identity, () => updateSignOutExpiry(db, identity, at, new Date(Date.now() + longestToken).toISOString()))
  await wait(1000 - now % 1000)
}

/** @throws {TokenRefusal} for a token of a session that is over */
export function refuseSignedOut (signOut: SignOut | undefined, { authTime, originJti }: VerifiedUser): void {
  if (signOut === undefined) return
  if ((authTime ?? 0) <= signOut.at || (originJti !== null && originJti === signOut.originJti)) {
    throw new TokenRefusal('signed_out', 'The session of the token was signed out')
  }
}
