import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { Database } from '../database/tables.ts'
import { findUserByEmail, updateUser } from './queries.ts'

interface Claim {
  issuer: string
  /** A verified address, or null for none. */
  email: string | null
  /** When Cognito said that it is verified, in seconds since the epoch. */
  asOf: number
  /** The user that the address is for, where there is one already. */
  id?: number
}

/**
 * Gives a verified address to a user of the issuer. Another user who has it loses it, unless Cognito vouched
 * for that user later. The loss shuts nobody out, since an address decides nothing about a bound user.
 * @returns the address, or null where the user does not get it
 */
export async function claimEmail (db: Database, { issuer, email, asOf, id }: Claim, actor: Actor): Promise<string | null> {
  const owner = email === null ? undefined : await findUserByEmail(db, issuer, email)
  if (owner === undefined || owner.id === id) return email
  if (owner.emailAsOf !== null && owner.emailAsOf >= asOf) return null
  await updateUser(db, owner.id, { email: null, emailAsOf: asOf })
  await insertAudit(db, actor, 'changed', owner, { email: null })
  return email
}
