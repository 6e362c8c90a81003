import { setTimeout as wait } from 'node:timers/promises'
import type { UserPoolClient, UsersPage } from '../cognito/user-pool-client.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction, rehearse } from '../database/transaction.ts'
import { changeUser } from './manage-users.ts'
import { retryConflict } from './retry-conflict.ts'
import { countActiveUsers, deleteSyncRun, findSyncRun, listUsersNotSeen, saveSyncRun, type SyncRun } from './sync-queries.ts'
import { readPooledAttributes, syncActor, syncUser, type SyncChange } from './sync-user.ts'

export interface SyncOptions {
  userPoolId: string
  issuer: string
  /** The claim that gives new users their name. */
  usernameClaim?: string | undefined
  /** Reports the changes without making them. */
  dryRun: boolean
  /** Disables users that are not in the pool any more, however many they are. */
  force: boolean
  /** Pages of 60 users per second; Cognito's quota for a whole AWS account is 30. */
  pagesPerSecond: number
  /** Interrupts the run between two pages. The next run continues there. */
  signal?: AbortSignal
  onChange (change: SyncChange): void
  /** Called after each page with the number of users seen so far. */
  onPage (seen: number): void | Promise<void>
}

/** A listing that lacks at least this many users, and more than this share of them, is taken to be wrong. */
const minMissing = 5
const maxMissingShare = 0.1

/**
 * Makes the local users follow their user pool. Users that confirmed while the service was down, or were made
 * in the console, are added or bound. Changed e-mail addresses are changed. Users that are disabled or
 * removed there are disabled here. Nobody is renamed, enabled or removed: an administrator decides that. An
 * interrupted run continues at its page.
 * @throws {Error} where the listing lacks so many users that it must be empty or truncated by mistake; none
 *   of them is disabled
 */
export async function syncUsers (db: Database, client: UserPoolClient, options: SyncOptions): Promise<void> {
  const { userPoolId, issuer, dryRun, force, onChange } = options
  const attempt = dryRun ? rehearse : inTransaction
  const { startedAt, seen, count } = await syncPages(db, client, options)

  const missing = (await listUsersNotSeen(db, issuer, startedAt)).filter(user => !user.disabled && !seen.has(user.sub ?? ''))
  const total = await countActiveUsers(db, issuer)
  if (!force && isImplausible(missing.length, total, count)) {
    // The next run starts from the first page.
    if (!dryRun) await deleteSyncRun(db, userPoolId)
    throw new Error(`The listing of ${userPoolId} lacks ${missing.length} of ${total} users, so it may be incomplete. None of them was disabled. If they were removed, run the command again with --force.`)
  }
  for (const user of missing) {
    await attempt(db, transaction => changeUser(transaction, syncActor, user.id, { disabled: true }))
    onChange({ action: 'disabled', username: user.username, detail: 'not in the user pool any more' })
  }
  if (!dryRun) await deleteSyncRun(db, userPoolId)
}

interface Listing {
  startedAt: string
  /** The subjects of the users that were listed. */
  seen: Set<string>
  count: number
}

async function syncPages (db: Database, client: UserPoolClient, options: SyncOptions): Promise<Listing> {
  const { userPoolId, issuer, usernameClaim, dryRun, pagesPerSecond, signal, onChange, onPage } = options
  const attempt = dryRun ? rehearse : inTransaction
  let resumed = dryRun ? undefined : await findSyncRun(db, userPoolId)
  let { startedAt, nextPage: page } = resumed ?? newRun()
  const seen = new Set<string>()
  let count = 0
  for (;;) {
    signal?.throwIfAborted()
    const pause = wait(1000 / pagesPerSecond)
    const listed = await listPage(client, userPoolId, page, resumed)
    if (listed === undefined) {
      ({ startedAt, nextPage: page } = newRun())
      resumed = undefined
      continue
    }
    for (const pooled of listed.users) {
      const change = await retryConflict(db, () => attempt(db, transaction => syncUser(transaction, pooled, { issuer, usernameClaim, startedAt })))
      seen.add(readPooledAttributes(pooled).sub ?? '')
      if (change !== undefined) onChange(change)
    }
    page = listed.next
    if (!dryRun) await saveSyncRun(db, userPoolId, { startedAt, nextPage: page })
    await onPage(count += listed.users.length)
    if (page === null) return { startedAt, seen, count }
    await pause
  }
}

function newRun (): SyncRun {
  return { startedAt: new Date().toISOString(), nextPage: null }
}

// Returns undefined where Cognito has forgotten the page at which the interrupted run stopped.
async function listPage (client: UserPoolClient, userPoolId: string, page: string | null, resumed: SyncRun | undefined): Promise<UsersPage | undefined> {
  try {
    return await client.listUsers(userPoolId, page)
  } catch (error) {
    const isForgotten = error instanceof Error && error.name === 'InvalidParameterException'
    if (isForgotten && page !== null && page === resumed?.nextPage) return undefined
    throw error
  }
}

/** @param listed the number of users that the pool listed */
function isImplausible (missing: number, total: number, listed: number): boolean {
  if (listed === 0 && missing > 0 && missing === total) return true
  return missing >= minMissing && missing > total * maxMissingShare
}
