import { sql } from 'kysely'
import type { Database } from '../database/tables.ts'
import type { Identity } from './identity.ts'

/** The sessions of an identity that have ended. */
export interface SignOut {
  /** Sessions begun up to this second have ended; seconds since the epoch. */
  at: number
  /** A session that has ended whenever it began. */
  originJti: string | null
}

export async function findSignOut (db: Database, { issuer, subject }: Identity): Promise<SignOut | undefined> {
  return db.selectFrom('sign_outs').select(['at', 'origin_jti as originJti'])
    .where('issuer', '=', issuer).where('subject', '=', subject)
    .executeTakeFirst()
}

/**
 * Stores a sign-out. An earlier one stays in force: clocks differ and step back, and an ended session never
 * starts again.
 */
export async function saveSignOut (db: Database, { issuer, subject }: Identity, { at, originJti }: SignOut, expiresAt: string): Promise<void> {
  await db.insertInto('sign_outs')
    .values({ issuer, subject, at, origin_jti: originJti, expires_at: expiresAt })
    .onConflict(conflict => conflict.columns(['issuer', 'subject']).doUpdateSet({
      at: sql`case when sign_outs.at > excluded.at then sign_outs.at else excluded.at end`,
      origin_jti: sql`coalesce(excluded.origin_jti, sign_outs.origin_jti)`,
      expires_at: expiresAt
    }))
    .execute()
}

/** @param at the sign-out to update; a later one is left as it is */
export async function updateSignOutExpiry (db: Database, { issuer, subject }: Identity, at: number, expiresAt: string): Promise<void> {
  await db.updateTable('sign_outs').set({ expires_at: expiresAt })
    .where('issuer', '=', issuer).where('subject', '=', subject).where('at', '<=', at)
    .execute()
}

/** Deletes the sign-outs whose last token has expired, and returns their number. */
export async function deleteExpiredSignOuts (db: Database, now: string): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('sign_outs').where('expires_at', '<=', now).executeTakeFirst()
  return Number(numDeletedRows)
}
