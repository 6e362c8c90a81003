import type { Database } from '../database/tables.ts'
import { refuseRemovedUser } from '../users/removed-user.ts'
import type { StoredResponse } from './stored-response.ts'

export interface IdempotencyKey {
  userId: number
  /** The method and the pattern of the path. */
  route: string
  key: string
}

export interface Fingerprints {
  /** The digest of the body. */
  fingerprint: string
  /** The digest of method, path and body; null in a row of an older version. */
  requestFingerprint: string | null
}

export interface StoredRequest extends Fingerprints {
  /** The body alone in a row of an older version. */
  response: StoredResponse | string
}

/**
 * Inserts a key. Returns false where an earlier request has the same key, so that its response can be found.
 * @throws {Problem} `no_such_user` where the user was removed meanwhile, which violates the foreign key
 *   `user_id`
 */
export async function insertKey (
  db: Database,
  { userId, route, key }: IdempotencyKey,
  { fingerprint, requestFingerprint }: Fingerprints,
  expiresAt: string
): Promise<boolean> {
  const row = await db.insertInto('idempotency_keys')
    .values({ user_id: userId, route, key, fingerprint, request_fingerprint: requestFingerprint, expires_at: expiresAt })
    .onConflict(conflict => conflict.doNothing())
    .returning('key')
    .executeTakeFirst()
    .catch(refuseRemovedUser)
  return row !== undefined
}

/** Finds the request that has a key, with its response, or undefined. */
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

/** Stores the response to the request that has a key. */
export async function updateResponse (
  db: Database, { userId, route, key }: IdempotencyKey, { status, headers, body }: StoredResponse
): Promise<void> {
  await db.updateTable('idempotency_keys')
    .set({ status, headers: JSON.stringify(headers), answer: body })
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key)
    .execute()
}

/** Deletes a key if it has expired. */
export async function deleteExpiredKey (db: Database, { userId, route, key }: IdempotencyKey, now: string): Promise<void> {
  await db.deleteFrom('idempotency_keys')
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key).where('expires_at', '<=', now)
    .execute()
}

/** Deletes at most `limit` expired keys. Returns their number. */
export async function deleteExpiredKeys (db: Database, now: string, limit: number): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('idempotency_keys')
    .where(({ eb, refTuple, selectFrom }) => eb(refTuple('user_id', 'route', 'key'), 'in',
      selectFrom('idempotency_keys').select(['user_id', 'route', 'key'])
        .where('expires_at', '<=', now).limit(limit)
        .$asTuple('user_id', 'route', 'key')))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
