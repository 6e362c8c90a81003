import type { Database } from '../database/tables.ts'
import { refuseRemovedUser } from '../users/removed-user.ts'

export interface IdempotencyKey {
  userId: number
  route: string
  key: string
}

export interface KeptAnswer {
  fingerprint: string
  /** The answer's body, in JSON. */
  answer: string
}

/**
 * Takes a key for the request at hand; false where another request has it, whose answer can then be found. The primary key is
 * expected to be violated by such a request, and `on conflict` handles it.
 * @throws {Problem} `no_such_user` where the foreign key `user_id` is violated: the user was removed meanwhile
 */
export async function insertKey (db: Database, { userId, route, key }: IdempotencyKey, fingerprint: string, expiresAt: string): Promise<boolean> {
  const row = await db.insertInto('idempotency_keys')
    .values({ user_id: userId, route, key, fingerprint, expires_at: expiresAt })
    .onConflict(conflict => conflict.doNothing())
    .returning('key')
    .executeTakeFirst()
    .catch(refuseRemovedUser)
  return row !== undefined
}

export async function findAnswer (db: Database, { userId, route, key }: IdempotencyKey): Promise<KeptAnswer | undefined> {
  const row = await db.selectFrom('idempotency_keys').select(['fingerprint', 'answer'])
    .where('user_id', '=', userId).where('route', '=', route).where('key', '=', key)
    .executeTakeFirst()
  return row && { fingerprint: row.fingerprint, answer: row.answer ?? '' }
}

export async function updateAnswer (db: Database, { userId, route, key }: IdempotencyKey, answer: string): Promise<void> {
  await db.updateTable('idempotency_keys').set({ answer })
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
