import type { Kysely } from 'kysely'

// Nullable: a version before this one goes on writing rows without these columns.
export async function up (db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('idempotency_keys').addColumn('request_fingerprint', 'text').execute()
  await db.schema.alterTable('idempotency_keys').addColumn('status', 'integer').execute()
  await db.schema.alterTable('idempotency_keys').addColumn('headers', 'text').execute()
}
