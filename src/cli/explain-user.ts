import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import { isMachineClient } from '../cognito/machine-client.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/tables.ts'
import { rehearse } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import { readToken, type CognitoUser } from '../users/cognito-user.ts'
import { findUserByIdentity } from '../users/identity-queries.ts'
import { explainNotBound } from '../users/not-bound.ts'
import { provisionUser } from '../users/provision-user.ts'
import { findUserByEmail } from '../users/queries.ts'

export interface UserExplanation {
  accepted: boolean
  lines: string[]
}

/** Explains which local user a verified token has, or would have on its first request. The database stays as it is. */
export async function explainUser (db: Database, verified: VerifiedUser, config: Config): Promise<UserExplanation> {
  const missing = missingScope(verified, config.resourceServer)
  if (missing === 'read') return rejected('insufficient_scope', `This needs the scope ${config.resourceServer}/read.`, grantScope)
  const { accepted, lines } = await explainLocalUser(db, verified, config)
  return { accepted, lines: missing === 'write' ? [...lines, `It may read, and lacks the scope ${config.resourceServer}/write. ${grantScope}`] : lines }
}

const grantScope = 'Allow the scope to the app client in Cognito, and request it with the token.'

async function explainLocalUser (db: Database, verified: VerifiedUser, config: Config): Promise<UserExplanation> {
  const user = await findUserByIdentity(db, verified)
  if (user?.disabled) return rejected('user_disabled', 'The local user is disabled.', 'Enable it: npm run users -- enable.')
  if (user !== undefined) return { accepted: true, lines: [`The local user is ${user.username}, number ${user.id}.`] }

  const cognitoUser = readToken(verified, config.usernameClaim)
  try {
    const { username, createdAt, updatedAt } = await rehearse(db, transaction => provisionUser(transaction, verified, cognitoUser, config))
    const isNew = createdAt === updatedAt
    return { accepted: true, lines: [isNew ? 'A local user is made on its first request.' : `The local user ${username} is bound to it on its first request.`] }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'user_disabled') return rejected(error.code, 'The local user is disabled, and not bound yet.', 'Enable it: npm run users -- enable.')
    const { code, detail, fix } = explainNotBound(verified, cognitoUser, config.tokenUse)
    const prepared = await explainPrepared(db, verified, cognitoUser)
    return rejected(code, detail, prepared ?? fix)
  }
}

// The service itself never tells that an unproved address is known here. This tool is for operators.
async function explainPrepared (db: Database, { claims, subject, userPoolId }: VerifiedUser, { email }: CognitoUser): Promise<string | undefined> {
  if (email !== null || typeof claims.email !== 'string') return undefined
  const prepared = await findUserByEmail(db, null, claims.email)
  if (prepared === undefined) return undefined
  return `The unbound user ${prepared.username} has this address. If it is the same person: npm run users -- bind ${prepared.id} ${subject} --pool ${userPoolId}.`
}

function missingScope (verified: VerifiedUser, resourceServer: string): 'read' | 'write' | undefined {
  if (!isMachineClient(verified)) return undefined
  return (['read', 'write'] as const).find(access => !verified.scopes.includes(`${resourceServer}/${access}`))
}

function rejected (code: string, detail: string, fix: string): UserExplanation {
  return { accepted: false, lines: [`But its requests are rejected: ${code}. ${detail}`, `Fix       ${fix}`] }
}
