import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { claimEmail } from './claim-email.ts'
import type { CognitoUser } from './cognito-user.ts'
import { emailKey } from './email-key.ts'
import { updateCognitoUsername } from './identity-queries.ts'
import { findUser, updateUser, type User } from './queries.ts'
import { retryConflict } from './retry-conflict.ts'

/** Whether Cognito says something of a bound user that is not stored yet. Every request asks this. */
export function isNews (user: User, cognitoUser: CognitoUser): boolean {
  return cognitoUser.kind !== user.kind || cognitoUser.cognitoUsername !== user.cognitoUsername || isEmailNews(user, cognitoUser)
}

/**
 * Stores what Cognito says of a bound user: the newest verified address, and the Cognito username. The shown
 * name stays as it is, because an administrator may have changed it.
 * @returns the user as it is now, or undefined where it is not bound to this identity any more
 */
export async function followCognito (db: Database, { id }: User, cognitoUser: CognitoUser, actor: Actor): Promise<User | undefined> {
  return retryConflict(db, () => inTransaction(db, async transaction => {
    const user = await findUser(transaction, id)
    // It was removed, or bound to another identity.
    if (user?.issuer !== cognitoUser.issuer || user.sub !== cognitoUser.subject) return undefined
    const { kind, cognitoUsername } = cognitoUser
    if (kind !== user.kind || cognitoUsername !== user.cognitoUsername) await updateCognitoUsername(transaction, id, kind, cognitoUsername)
    if (!isEmailNews(user, cognitoUser)) return { ...user, kind, cognitoUsername }
    return updateEmail(transaction, user, cognitoUser, actor)
  }))
}

// An older token must not undo what a newer one said. An address that an administrator gave is no statement
// of Cognito's, so only a verified address replaces it.
function isEmailNews (user: User, { email, asOf }: CognitoUser): boolean {
  if (email === undefined) return false
  if (user.emailAsOf !== null && (asOf < user.emailAsOf || (asOf === user.emailAsOf && user.email === null))) return false
  if (email === null) return user.email !== null && user.emailAsOf !== null
  return user.email === null || user.emailAsOf === null || !isSameEmail(email, user.email)
}

async function updateEmail (db: Database, user: User, { issuer, email: claimed = null, asOf }: CognitoUser, actor: Actor): Promise<User | undefined> {
  // Where only the case of its letters differs, the address stays as it was written here.
  const email = claimed !== null && user.email !== null && isSameEmail(claimed, user.email) ? user.email : claimed
  const stored = await claimEmail(db, { issuer, email, asOf, id: user.id }, actor)
  const changed = await updateUser(db, user.id, { email: stored, emailAsOf: asOf })
  if (stored !== user.email) await insertAudit(db, actor, 'changed', user, { email: stored })
  return changed
}

function isSameEmail (left: string, right: string): boolean {
  return left === right || emailKey(left) === emailKey(right)
}
