import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import { isMachineClient } from '../cognito/machine-client.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { rehearse } from '../database/transaction.ts'
import { Problem, type ProblemCode } from '../problems/catalogue.ts'
import { readToken, type CognitoUser } from '../users/cognito-user.ts'
import { findUserByIdentity } from '../users/identity-queries.ts'
import { explainNotBound } from '../users/not-bound.ts'
import { provisionUser } from '../users/provision-user.ts'
import { findUserByEmail } from '../users/queries.ts'

/** The local user of a valid token, or the reason why the service rejects the token. */
export interface LocalUserResult {
  code?: ProblemCode
  lines: string[]
}

const enableUser = 'Enable it: npm run users -- enable.'
const grantScope = 'Allow the scope to the app client in Cognito, and request it with the token.'

/**
 * Finds the local user of a valid token by the same rules as the service, without any change to the database.
 */
export async function explainLocalUser (db: Database, verified: VerifiedUser, config: Config): Promise<LocalUserResult> {
  const missing = missingScope(verified, config.resourceServer)
  if (missing === 'read') return rejected('insufficient_scope', `Its requests need the scope ${config.resourceServer}/read.`, grantScope)
  const result = await explainUser(db, verified, config)
  if (missing === undefined) return result
  return { ...result, lines: [...result.lines, `It may read, and lacks the scope ${config.resourceServer}/write. ${grantScope}`] }
}

async function explainUser (db: Database, verified: VerifiedUser, config: Config): Promise<LocalUserResult> {
  const user = await findUserByIdentity(db, verified)
  if (user?.disabled) return rejected('user_disabled', 'The local user is disabled.', enableUser)
  if (user !== undefined) return { lines: [`The local user is ${user.username} (id ${user.id}).`] }

  const cognitoUser = readToken(verified, config.usernameClaim)
  try {
    const { username, createdAt, updatedAt } = await rehearse(db, transaction => provisionUser(transaction, verified, cognitoUser, config))
    const isNew = createdAt === updatedAt
    return { lines: [isNew ? 'Its first request creates a local user.' : `Its first request binds the local user ${username}.`] }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'user_disabled') return rejected(error.code, 'The local user is disabled, and not bound yet.', enableUser)
    const { code, detail, fix } = explainNotBound(verified, cognitoUser, config.tokenUse)
    return rejected(code, detail, await suggestBinding(db, verified, cognitoUser) ?? fix)
  }
}

// The service never reveals that an unverified address is known here. This tool is for operators.
async function suggestBinding (
  db: Database, { claims, subject, userPoolId }: VerifiedUser, { email }: CognitoUser
): Promise<string | undefined> {
  if (email !== null || typeof claims.email !== 'string') return undefined
  const unbound = await findUserByEmail(db, null, claims.email)
  if (unbound === undefined) return undefined
  return `The unbound user ${unbound.username} has this address. If it is the same person: ` +
    `npm run users -- bind ${unbound.id} ${subject} --pool ${userPoolId}.`
}

function missingScope (verified: VerifiedUser, resourceServer: string): 'read' | 'write' | undefined {
  if (!isMachineClient(verified)) return undefined
  return (['read', 'write'] as const).find(access => !verified.scopes.includes(`${resourceServer}/${access}`))
}

function rejected (code: ProblemCode, detail: string, fix: string): LocalUserResult {
  return { code, lines: [detail, `Fix       ${fix}`] }
}
