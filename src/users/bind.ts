import { insertAudit } from '../audit/queries.ts'
import { isConflict } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { bindUser, findUserByEmail, findUserByIdentity, insertUser, type User } from './queries.ts'

/** Who somebody is in Cognito, and what of that is proved. */
export interface Identity {
  issuer: string
  subject: string
  username: string
  email: string | null
  emailVerified: boolean
}

/** Why an identity has no local user. */
export type NotBound = 'unknown' | 'email_not_verified' | 'taken'

export interface BindOptions {
  /** Whose word it is, for the audit trail. */
  actor: string
  /** Whether a user is made where none waits for this identity. */
  provision: boolean
}

/**
 * The local user of an identity that no user is bound to: the unbound user whose e-mail it has proved to own, bound now, or
 * else a new one. Who is bound to another subject is somebody else, whatever the e-mail says.
 */
export async function bindIdentity (db: Database, identity: Identity, { actor, provision }: BindOptions): Promise<User | NotBound> {
  const { issuer, subject, username, email, emailVerified } = identity
  try {
    return await inTransaction(db, bind)
  } catch (error) {
    // Two first requests of one identity with two addresses find two unbound users. The second `bindUser` violates the unique
    // constraint on the identity, and the first one wins. A transaction of the caller cannot go on: PostgreSQL has aborted it.
    if (!isConflict(error) || db.isTransaction) throw error
    return settled(db)
  }

  async function bind (transaction: Database): Promise<User | NotBound> {
    const owner = email === null ? undefined : await findUserByEmail(transaction, email)
    if (owner !== undefined && owner.sub !== null) return settled(transaction)
    if (owner === undefined && !provision) return 'unknown'
    if (email !== null && !emailVerified) return 'email_not_verified'

    const user = owner === undefined
      ? await insertUser(transaction, { username, email, issuer, sub: subject })
      : await bindUser(transaction, owner.id, issuer, subject)
    if (user === undefined) return settled(transaction)
    await insertAudit(transaction, actor, owner === undefined ? 'created' : 'bound', user, { issuer, sub: subject })
    return user
  }

  // Another request of the same user may have been faster, at any moment of this one.
  async function settled (transaction: Database): Promise<User | NotBound> {
    return await findUserByIdentity(transaction, issuer, subject) ?? 'taken'
  }
}
