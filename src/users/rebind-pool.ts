import { setTimeout as wait } from 'node:timers/promises'
import type { UserType } from '@aws-sdk/client-cognito-identity-provider'
import type { Actor } from '../audit/actor.ts'
import { insertAudit } from '../audit/queries.ts'
import type { UserPoolClient } from '../cognito/user-pool-client.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction, rehearse } from '../database/transaction.ts'
import { readAttributes } from './cognito-user.ts'
import { findFreeUsername } from './free-username.ts'
import { findUserByIdentity } from './identity-queries.ts'
import { findUserByEmail, updateUser } from './queries.ts'
import { retryConflict } from './retry-conflict.ts'
import { readPooledAttributes } from './sync-user.ts'

/** A change that a run made, or would make, to one user. */
export interface RebindChange {
  action: 'rebound' | 'left alone'
  username: string
  detail: string
}

export interface RebindOptions {
  fromIssuer: string
  toPoolId: string
  toIssuer: string
  actor: Actor
  /** Pages of 60 users per second; Cognito's quota for a whole AWS account is 30. */
  pagesPerSecond: number
  /** Reports the changes without making them. */
  dryRun: boolean
  onChange (change: RebindChange): void
}

/**
 * Binds the local users of a pool that was replaced to their users in the new pool, by verified e-mail
 * address. Articles stay with their user. Each user is rebound in a transaction of its own, so an interrupted
 * run is resumed by another run.
 */
export async function rebindPool (db: Database, client: UserPoolClient, options: RebindOptions): Promise<void> {
  const attempt = options.dryRun ? rehearse : inTransaction
  let page: string | null = null
  do {
    const pause = wait(1000 / options.pagesPerSecond)
    const { users, next } = await client.listUsers(options.toPoolId, page)
    for (const pooled of users) {
      const change = await retryConflict(db, () => attempt(db, transaction => rebindUser(transaction, pooled, options)))
      if (change !== undefined) options.onChange(change)
    }
    page = next
    if (page !== null) await pause
  } while (page !== null)
}

async function rebindUser (db: Database, pooled: UserType, { fromIssuer, toIssuer, actor }: RebindOptions): Promise<RebindChange | undefined> {
  const attributes = readPooledAttributes(pooled)
  const subject = attributes.sub ?? ''
  const described = { issuer: toIssuer, subject, cognitoUsername: pooled.Username ?? subject, attributes, status: pooled.UserStatus }
  const { email, cognitoUsername, asOf } = readAttributes(described, undefined, Math.floor(Date.now() / 1000))
  if (typeof email !== 'string' || subject === '') return undefined
  const user = await findUserByEmail(db, fromIssuer, email)
  if (user === undefined) return undefined

  const { id, username: wanted } = user
  const [sameIdentity, sameEmail] = [await findUserByIdentity(db, { issuer: toIssuer, subject }), await findUserByEmail(db, toIssuer, email)]
  const other = sameIdentity ?? sameEmail
  if (other !== undefined) return { action: 'left alone', username: wanted, detail: `user ${other.id} of the new pool has this identity or address` }

  const username = await findFreeUsername(db, { issuer: toIssuer, username: wanted, id })
  await updateUser(db, id, { username, issuer: toIssuer, sub: subject, cognitoUsername, emailAsOf: asOf, authTime: null })
  await insertAudit(db, actor, 'bound', { id, username }, { issuer: toIssuer, sub: subject })
  return { action: 'rebound', username, detail: email }
}
