import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import { isConflict } from '../database/errors.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { bindUser, findUserByEmail, findUserByIdentity, insertUser, type User } from './queries.ts'

/** An identity in Cognito, and whether its e-mail address is verified. */
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
  /** The actor in the audit trail. */
  actor: Actor
  /** Whether a new user is made where there is no user to bind. */
  provision: boolean
}

/**
 * Finds the local user for an identity that no user is bound to. The unbound user with its verified e-mail address is bound
 * now; where there is none, a new user is made. A user bound to another subject is somebody else.
 */
export async function bindIdentity (db: Database, identity: Identity, { actor, provision }: BindOptions): Promise<User | NotBound> {
  const { issuer, subject, username, email, emailVerified } = identity
  // Refused before any query, so that the answer is the same for addresses that are unknown, known or bound here.
  if (email !== null && !emailVerified) return 'email_not_verified'
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

    const user = owner === undefined
      ? await insertUser(transaction, { username, email, issuer, sub: subject })
      : await bindUser(transaction, owner.id, issuer, subject)
    if (user === undefined) return settled(transaction)
    await insertAudit(transaction, actor, owner === undefined ? 'created' : 'bound', user, { issuer, sub: subject })
    return user
  }

  // Another request of the same user may have bound it in the meantime.
  async function settled (transaction: Database): Promise<User | NotBound> {
    return await findUserByIdentity(transaction, issuer, subject) ?? 'taken'
  }
}

/** The unbound user that an identity would be bound to by its verified e-mail address. */
export async function findBindable (db: Database, { email, emailVerified }: Pick<Identity, 'email' | 'emailVerified'>): Promise<User | undefined> {
  const owner = email === null || !emailVerified ? undefined : await findUserByEmail(db, email)
  return owner?.sub === null ? owner : undefined
}
