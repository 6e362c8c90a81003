import { hash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { Problem } from '../problems.ts'
import { deleteExpiredKey, findAnswer, insertKey, updateAnswer, type IdempotencyKey } from './queries.ts'

export const IdempotencyKeySchema = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'Makes a retry safe for 24 hours: the same key and body give the same answer.',
  examples: ['8e03978e-40d5-43e8-bc93-6894a57f9324']
})

/** How long a retry is safe, in milliseconds. */
const lifetime = 24 * 3_600_000

/**
 * Does the work once for a key, and gives its answer again for every retry with the same body: the key, the work and the
 * answer are kept in one transaction. Retries that come while the work is done wait for it.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 * @param body what the client sent; another one under the same key is refused
 * @throws {Problem} `idempotency_mismatch`
 */
export async function once<Answer> (db: Database, key: IdempotencyKey, body: unknown, work: (db: Database) => Promise<Answer>): Promise<Answer> {
  const fingerprint = hash('sha256', JSON.stringify(body), 'base64url')
  return inTransaction(db, async transaction => {
    const now = Date.now()
    await deleteExpiredKey(transaction, key, new Date(now).toISOString())
    if (await insertKey(transaction, key, fingerprint, new Date(now + lifetime).toISOString())) {
      const answer = await work(transaction)
      await updateAnswer(transaction, key, JSON.stringify(answer))
      return answer
    }
    const kept = await findAnswer(transaction, key)
    // The key has expired meanwhile, or was deleted with its user: the next `insertKey` inserts it, or throws `no_such_user`.
    if (kept === undefined) return once(transaction, key, body, work)
    if (kept.fingerprint !== fingerprint) {
      throw new Problem('idempotency_mismatch', 'This Idempotency-Key came before with another body; use a new key for a new request.')
    }
    return JSON.parse(kept.answer)
  })
}
