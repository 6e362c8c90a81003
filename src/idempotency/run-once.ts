import { hash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import { deleteExpiredKey, findStoredRequest, insertKey, updateResponse, type IdempotencyKey } from './queries.ts'
import type { StoredResponse } from './stored-response.ts'

export const IdempotencyKeySchema = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'Makes a retry safe for 24 hours: the same key and body give the same answer.',
  examples: ['8e03978e-40d5-43e8-bc93-6894a57f9324']
})

/** How long a retry is safe, in milliseconds. */
const lifetime = 24 * 3_600_000

interface OnceOptions {
  key: IdempotencyKey
  /** The parameters of the path and the body. With `key.route`, they cover method, path and body. */
  request: { params: unknown, body: unknown }
  /** Does the work, within the transaction. */
  work (db: Database): Promise<StoredResponse>
  /**
   * Completes a body that was stored before status and headers were.
   * Remove 24 hours after the last replica runs this version.
   */
  restore (body: string): StoredResponse
}

/**
 * Does the work once for a key, and returns the stored response for every retry of the same request. The key, the work and the
 * response are stored in one transaction. Retries that arrive during the work wait for it.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 * @throws {Problem} `idempotency_mismatch` where the key came before with another request
 */
export async function once (db: Database, options: OnceOptions): Promise<StoredResponse> {
  const { key, request: { params, body }, work, restore } = options
  // A version before this one compares the fingerprint of the body alone, and may run beside this one during a deployment.
  const fingerprint = digest(body)
  const requestFingerprint = digest([key.route, params, body])
  return inTransaction(db, async transaction => {
    const now = Date.now()
    await deleteExpiredKey(transaction, key, new Date(now).toISOString())
    if (await insertKey(transaction, key, { fingerprint, requestFingerprint }, new Date(now + lifetime).toISOString())) {
      const response = await work(transaction)
      await updateResponse(transaction, key, response)
      return response
    }
    const stored = await findStoredRequest(transaction, key)
    // The key has expired meanwhile, or was deleted with its user: the next `insertKey` inserts it, or throws `no_such_user`.
    if (stored === undefined) return once(transaction, options)
    const isSame = stored.requestFingerprint === null ? stored.fingerprint === fingerprint : stored.requestFingerprint === requestFingerprint
    if (!isSame) {
      throw new Problem('idempotency_mismatch', 'This Idempotency-Key came before with another request; use a new key for a new request.')
    }
    return typeof stored.response === 'string' ? restore(stored.response) : stored.response
  })
}

function digest (value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url')
}
