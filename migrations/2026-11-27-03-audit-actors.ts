import type { Kysely } from 'kysely'

/** Older entries keep the name of their actor alone: who it was cannot be told afterwards. */
export async function up (db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('audit').addColumn('actor_kind', 'text').execute()
  await db.schema.alterTable('audit').addColumn('actor_issuer', 'text').execute()
  await db.schema.alterTable('audit').addColumn('actor_subject', 'text').execute()
}
