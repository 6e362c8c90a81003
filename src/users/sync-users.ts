import { setTimeout as wait } from 'node:timers/promises'
import type { UserType } from '@aws-sdk/client-cognito-identity-provider'
import { serviceActor } from '../audit/actor.ts'
import { isStorable } from '../../plugins/cognito-auth/claims.ts'
import type { UserPoolClient } from '../cognito/user-pool-client.ts'
import { isEmailVerified } from '../../plugins/cognito-auth/verified-email.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction, rehearse } from '../database/transaction.ts'
import { changeUser } from './manage-users.ts'
import { bindIdentity } from './bind-identity.ts'
import { countActiveUsers, findUserByEmail, findUserByIdentity, findUserByUsername, listUsersNotSeen, updateSeen, type User } from './queries.ts'
import { deleteSyncRun, findSyncRun, saveSyncRun } from './sync-queries.ts'

/** A change that a run made, or would make, to one user. */
export interface SyncChange {
  action: 'added' | 'bound' | 'changed' | 'disabled' | 'left alone'
  username: string
  detail: string
}

export interface SyncOptions {
  userPoolId: string
  issuer: string
  /** Says what would be done, and does nothing. */
  dryRun: boolean
  /** Disables users that are not in the pool any more, however many they are. */
  force: boolean
  /** Pages of 60 users a second; Cognito's quota for a whole account is 30. */
  pagesPerSecond: number
  onChange (change: SyncChange): void
  /** Called after each page with the number of users seen so far. */
  onPage (seen: number): void
}

const actor = serviceActor('users sync')

/** A listing that lacks at least so many users, and more than this share of them, is taken to be wrong. */
const minMissing = 5
const maxMissingShare = 0.1

/**
 * Makes the local users follow their user pool. Users that confirmed while the service was down, or were made in the console,
 * are added or bound. Changed usernames and e-mail addresses are changed. Users that are disabled or gone there are disabled
 * here. Nobody is enabled or removed: an administrator decides that. A run that was interrupted goes on where it stood.
 * @throws {Error} where the listing lacks so many users that it must be empty or truncated by mistake; none of them is disabled
 */
export async function syncUsers (db: Database, client: UserPoolClient, options: SyncOptions): Promise<void> {
  const { userPoolId, issuer, dryRun, force, pagesPerSecond, onChange, onPage } = options
  const attempt = dryRun ? rehearse : inTransaction
  let interrupted = dryRun ? undefined : await findSyncRun(db, userPoolId)
  let startedAt = interrupted?.startedAt ?? new Date().toISOString()
  const seen = new Set<string>()
  let page = interrupted?.nextPage ?? null
  let count = 0
  for (;;) {
    const pause = wait(1000 / pagesPerSecond)
    const listed = await client.listUsers(userPoolId, page).catch(error => {
      if (page === null || page !== interrupted?.nextPage || !isForgotten(error)) throw error
    })
    if (listed === undefined) {
      // Cognito has forgotten the page at which the interrupted run stood: this is a new one.
      startedAt = new Date().toISOString()
      page = null
      interrupted = undefined
      continue
    }
    const { users, next } = listed
    for (const pooled of users) {
      const change = await attempt(db, async transaction => followUser(transaction, pooled, issuer, startedAt))
      seen.add(attribute(pooled, 'sub') ?? '')
      if (change !== undefined) onChange(change)
    }
    page = next
    if (!dryRun) await saveSyncRun(db, userPoolId, { startedAt, nextPage: page })
    onPage(count += users.length)
    if (page === null) break
    await pause
  }

  const missing = (await listUsersNotSeen(db, issuer, startedAt)).filter(user => !user.disabled && !seen.has(user.sub ?? ''))
  const total = await countActiveUsers(db, issuer)
  if (!force && isImplausible(missing.length, total, count)) {
    // The next run starts from the first page.
    if (!dryRun) await deleteSyncRun(db, userPoolId)
    throw new Error(`The listing of ${userPoolId} lacks ${missing.length} of ${total} users, so it may be incomplete. None of them was disabled. If they are gone, run the command again with --force.`)
  }
  for (const user of missing) {
    await attempt(db, transaction => changeUser(transaction, actor, user.id, { disabled: true }))
    onChange({ action: 'disabled', username: user.username, detail: 'not in the user pool any more' })
  }
  if (!dryRun) await deleteSyncRun(db, userPoolId)
}

/** @param listed how many users the pool listed */
function isImplausible (missing: number, total: number, listed: number): boolean {
  if (listed === 0 && missing > 0 && missing === total) return true
  return missing >= minMissing && missing > total * maxMissingShare
}

function isForgotten (error: unknown): boolean {
  return error instanceof Error && error.name === 'InvalidParameterException'
}

async function followUser (db: Database, pooled: UserType, issuer: string, seenAt: string): Promise<SyncChange | undefined> {
  const subject = attribute(pooled, 'sub') ?? ''
  const username = pooled.Username ?? subject
  const emailVerified = isEmailVerified({
    verified: attribute(pooled, 'email_verified'),
    identities: attribute(pooled, 'identities'),
    status: pooled.UserStatus
  }, 'attributes')
  const email = emailVerified ? attribute(pooled, 'email') ?? null : null
  if (subject === '' || ![subject, username, email ?? ''].every(isStorable)) {
    return { action: 'left alone', username: JSON.stringify(username), detail: 'a name or an e-mail address that cannot be kept' }
  }

  const user = await findUserByIdentity(db, issuer, subject)
  if (user !== undefined) await updateSeen(db, user.id, seenAt)
  if (user !== undefined) return changed(db, user, { username, email, disabled: pooled.Enabled === false })
  if (pooled.UserStatus === 'UNCONFIRMED' || pooled.Enabled === false) return undefined

  const bound = await bindIdentity(db, { issuer, subject, username, email, emailVerified }, { actor, provision: true })
  if (typeof bound === 'string') return { action: 'left alone', username, detail: 'the username or the e-mail address belongs to another user here' }
  await updateSeen(db, bound.id, seenAt)
  return { action: bound.createdAt === bound.updatedAt ? 'added' : 'bound', username: bound.username, detail: bound.email ?? 'no verified e-mail address' }
}

async function changed (db: Database, user: User, { username, email, disabled }: Pick<User, 'username' | 'email' | 'disabled'>): Promise<SyncChange | undefined> {
  const changes = {
    ...(username !== user.username && { username }),
    ...(email !== null && email !== user.email && { email }),
    ...(disabled && !user.disabled && { disabled })
  }
  if (Object.keys(changes).length === 0) return undefined
  const owners = [await findUserByUsername(db, username), email === null ? undefined : await findUserByEmail(db, email)]
  if (owners.some(owner => owner !== undefined && owner.id !== user.id)) {
    return { action: 'left alone', username: user.username, detail: 'the new username or e-mail address belongs to another user here' }
  }
  await changeUser(db, actor, user.id, changes)
  const detail = Object.entries(changes).map(([name, value]) => name === 'disabled' ? 'disabled in the user pool' : `${name} is now ${value}`).join(', ')
  return { action: changes.disabled ? 'disabled' : 'changed', username: user.username, detail }
}

function attribute ({ Attributes: attributes = [] }: UserType, name: string): string | undefined {
  return attributes.find(attribute => attribute.Name === name)?.Value
}
