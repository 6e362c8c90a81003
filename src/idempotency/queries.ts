import type { Database } from '../database/tables.ts'
import { refuseRemovedUser } from '../users/removed-user.ts'
import type { StoredResponse } from './stored-response.ts'

export interface IdempotencyKey {
  userId: number
  route: string
  key: string
}

export interface Fingerprints {
  /** A digest of the body. */
  fingerprint: string
  /** A digest of method, path and body; null where a version before this one stored the row. */
  requestFingerprint: string | null
}

export interface StoredRequest extends Fingerprints {
  /** The body alone where a version before this one stored the row. */
  response: StoredResponse | string
}

/**
 * Takes a key for the request at hand; false where another request has it, whose answer can then be found. The primary key is
 * expected to be violated by such a request, and `on conflict` handles it.
 * @throws {Problem} `no_such_user` where the foreign key `user_id` is violated: the user was removed meanwhile
 */
export async function insertKey (db: Database, { userId, route, key }: IdempotencyKey, { fingerprint, requestFingerprint }: Fingerprints, expiresAt: string): Promise<boolean> {
  const row = await db.insertInto('idempotency_keys')
    .values({ user_id: userId, route, key, fingerprint, request_fingerprint: requestFingerprint, expires_at: expiresAt })
    .onConflict(conflict => conflict.doNothing())
    .returning('key')
    .executeTakeFirst()
    .catch(refuseRemovedUser)
  return row !== undefined
}

export async function findStoredRequest (db: Database, { userId, route, key }: IdempotencyKey): Promise<StoredRequest | undefined> {
  const row = await db.selectFrom('idempotency_keys')
    .select(['fingerprint', 'request_fingerprint as requestFingerprint', 'answer', 'status', 'headers'])
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { fingerprint, requestFingerprint, status, headers } = row
  const body = row.answer ?? ''
  const response = status === null || headers === null ? body : { status, headers: JSON.parse(headers), body }
  return { fingerprint, requestFingerprint, response }
}

export async function updateResponse (db: Database, { userId, route, key }: IdempotencyKey, { status, headers, body }: StoredResponse): Promise<void> {
  await db.updateTable('idempotency_keys').set({ status, headers: JSON.stringify(headers), answer: body })
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key)
    .execute()
}

/** Forgets one key, if it has expired. */
export async function deleteExpiredKey (db: Database, { userId, route, key }: IdempotencyKey, now: string): Promise<void> {
  await db.deleteFrom('idempotency_keys')
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key).where('expires_at', '<=', now)
    .execute()
}

/** Forgets at most `limit` expired keys, and says how many. */
export async function deleteExpiredKeys (db: Database, now: string, limit: number): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('idempotency_keys')
    .where(({ eb, refTuple, selectFrom }) => eb(refTuple('user_id', 'route', 'key'), 'in',
      selectFrom('idempotency_keys').select(['user_id', 'route', 'key']).where('expires_at', '<=', now).limit(limit).$asTuple('user_id', 'route', 'key')))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
