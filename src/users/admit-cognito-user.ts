import type { Actor } from '../audit/actor.ts'
import type { Database } from '../database/tables.ts'
import { provisionIdentity, type Bound } from './bind-identity.ts'
import type { CognitoUser } from './cognito-user.ts'
import { followCognito, isNews } from './follow-cognito.ts'

/**
 * Finds, binds or makes the local user of an identity that Cognito itself reports, by the webhook or in a
 * listing. A user that is bound already follows what Cognito says now.
 */
export async function admitCognitoUser (db: Database, cognitoUser: CognitoUser, actor: Actor): Promise<Bound> {
  const bound = await provisionIdentity(db, cognitoUser, actor)
  if (bound.outcome !== 'found' || !isNews(bound.user, cognitoUser)) return bound
  return { ...bound, user: await followCognito(db, bound.user, cognitoUser, actor) ?? bound.user }
}
