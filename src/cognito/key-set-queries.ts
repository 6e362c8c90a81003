import type { KeySetStorage } from '../../plugins/cognito-auth/keys/key-set-storage.ts'
import type { Database } from '../database/tables.ts'

/** Keeps the last good key set of each issuer in the database. */
export function keySetStorage (db: Database): KeySetStorage {
  return {
    async find (issuer) {
      const row = await db.selectFrom('key_sets').select(['jwks', 'fetched_at']).where('issuer', '=', issuer).executeTakeFirst()
      return row && { jwks: row.jwks, fetchedAt: row.fetched_at }
    },

    async save (issuer, { jwks, fetchedAt }) {
      await db.insertInto('key_sets')
        .values({ issuer, jwks, fetched_at: fetchedAt })
        .onConflict(conflict => conflict.column('issuer').doUpdateSet({ jwks, fetched_at: fetchedAt }))
        .execute()
    }
  }
}
