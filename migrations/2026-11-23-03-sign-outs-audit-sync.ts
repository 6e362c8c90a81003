import { PostgresAdapter, type Kysely } from 'kysely'

export async function up (db: Kysely<any>): Promise<void> {
  await db.schema.createTable('sign_outs')
    .addColumn('issuer', 'text', column => column.notNull())
    .addColumn('subject', 'text', column => column.notNull())
    .addColumn('at', 'bigint', column => column.notNull())
    .addColumn('origin_jti', 'text')
    .addColumn('expires_at', 'text', column => column.notNull())
    .addPrimaryKeyConstraint('sign_outs_pk', ['issuer', 'subject'])
    .execute()
  await db.schema.createIndex('sign_outs_expires_at').on('sign_outs').column('expires_at').execute()

  const audit = db.schema.createTable('audit')
  const withId = db.getExecutor().adapter instanceof PostgresAdapter
    ? audit.addColumn('id', 'bigint', column => column.primaryKey().generatedByDefaultAsIdentity())
    : audit.addColumn('id', 'integer', column => column.primaryKey().autoIncrement())
  await withId
    .addColumn('at', 'text', column => column.notNull())
    .addColumn('actor', 'text', column => column.notNull())
    .addColumn('action', 'text', column => column.notNull())
    .addColumn('user_id', 'bigint', column => column.notNull())
    .addColumn('username', 'text', column => column.notNull())
    .addColumn('changes', 'text', column => column.notNull())
    .execute()

  await db.schema.alterTable('users').addColumn('seen_at', 'text').execute()
  await db.schema.createTable('sync_runs')
    .addColumn('user_pool_id', 'text', column => column.primaryKey())
    .addColumn('started_at', 'text', column => column.notNull())
    .addColumn('next_page', 'text')
    .execute()
}
