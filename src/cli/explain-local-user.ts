import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import { userActor } from '../audit/actor.ts'
import type { Provisioning } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { rehearse } from '../database/transaction.ts'
import type { ProblemCode } from '../problems/catalogue.ts'
import { bindIdentity, type NotBound } from '../users/bind-identity.ts'
import { findUserByIdentity } from '../users/queries.ts'

/** The local user of a valid token, or the reason why the service rejects the token. */
export interface LocalUserResult {
  code?: ProblemCode
  text: string
}

const notBound: Record<NotBound, LocalUserResult> = {
  unknown: {
    code: 'no_such_user',
    text: 'The token has no local user. Add one (npm run users -- add), or set USER_PROVISIONING to auto.'
  },
  taken: {
    code: 'no_such_user',
    text: 'Another local user has its username or e-mail address. Remove or change that user first.'
  },
  email_not_verified: {
    code: 'email_not_verified',
    text: 'Its email_verified is not true. Verify the address with Cognito, and sign in again.'
  }
}

/** Finds the local user of a valid token by the same rules as the service, without any change to the database. */
export async function explainLocalUser (
  verified: VerifiedUser, provisioning: Provisioning, db: Database
): Promise<LocalUserResult> {
  const user = await findUserByIdentity(db, verified.issuer, verified.subject)
  if (user?.disabled) {
    return { code: 'user_disabled', text: 'The local user is disabled. To enable it: npm run users -- enable.' }
  }
  if (user !== undefined) return { text: `The local user is ${user.username} (id ${user.id}).` }
  if (verified.tokenUse !== 'id') {
    return {
      code: 'no_such_user',
      text: 'The token has no local user yet. Send an id token once: an access token has no e-mail address.'
    }
  }
  const options = { actor: userActor(verified), provision: provisioning === 'auto' }
  const bound = await rehearse(db, transaction => bindIdentity(transaction, verified, options))
  if (typeof bound === 'string') return notBound[bound]
  const isNew = bound.createdAt === bound.updatedAt
  return { text: isNew ? 'Its first request creates a local user.' : `Its first request binds the local user ${bound.username}.` }
}
