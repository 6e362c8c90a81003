import { hash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems/catalogue.ts'
import {
  deleteExpiredKey, findStoredRequest, insertKey, updateResponse, type IdempotencyKey, type Fingerprints
} from './queries.ts'
import type { StoredResponse } from './stored-response.ts'

export const IdempotencyKeySchema = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'Makes a retry safe for 24 hours. The same key and body get the same response.',
  examples: ['8e03978e-40d5-43e8-bc93-6894a57f9324']
})

const keyLifetimeMs = 24 * 3_600_000

interface RunOnceOptions {
  key: IdempotencyKey
  /** The parameters of the path and the body. Together with `key.route`, they cover method, path and body. */
  request: { params: unknown, body: unknown }
  /** Does the work within the transaction. */
  work (db: Database): Promise<StoredResponse>
  /**
   * Completes a body that an older version stored without status and headers.
   * Remove 24 hours after the last replica runs this version.
   */
  restore?: ((body: string) => StoredResponse) | undefined
}

/**
 * Does the work once for a key. Every retry of the same request gets the stored response. The key, the work
 * and the response are stored in one transaction. Retries that arrive during the work wait for it.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 * @throws {Problem} `idempotency_mismatch` where an earlier request with another path or body has the key
 */
export async function runOnce (db: Database, options: RunOnceOptions): Promise<StoredResponse> {
  const { key, request: { params, body }, work, restore } = options
  // An older version, which may run beside this one during a deployment, compares only the fingerprint of the
  // body.
  const fingerprints = { fingerprint: digest(body), requestFingerprint: digest([key.route, params, body]) }
  return inTransaction(db, async transaction => {
    const now = Date.now()
    await deleteExpiredKey(transaction, key, new Date(now).toISOString())
    if (await insertKey(transaction, key, fingerprints, new Date(now + keyLifetimeMs).toISOString())) {
      const response = await work(transaction)
      await updateResponse(transaction, key, response)
      return response
    }
    const stored = await findStoredRequest(transaction, key)
    // The key has expired or was deleted with its user. The next `insertKey` inserts it or throws
    // `no_such_user`.
    if (stored === undefined) return runOnce(transaction, options)
    if (!isSameRequest(stored, fingerprints)) {
      throw new Problem('idempotency_mismatch', 'Another request has used this Idempotency-Key. Use a new key for a new request.')
    }
    if (typeof stored.response !== 'string') return stored.response
    if (restore === undefined) throw new Error(`the response of ${key.route} is stored without status and headers`)
    return restore(stored.response)
  })
}

function isSameRequest (stored: Fingerprints, { fingerprint, requestFingerprint }: Fingerprints): boolean {
  if (stored.requestFingerprint === null) return stored.fingerprint === fingerprint
  return stored.requestFingerprint === requestFingerprint
}

function digest (value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url')
}
