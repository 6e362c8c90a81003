import { PostgresAdapter, type CreateTableBuilder, type Kysely } from 'kysely'

export async function up (db: Kysely<any>): Promise<void> {
  await withId(db, 'users')
    .addColumn('username', 'text', column => column.notNull().unique())
    .addColumn('username_key', 'text', column => column.notNull())
    .addColumn('email', 'text')
    .addColumn('email_key', 'text', column => column.unique())
    .addColumn('issuer', 'text')
    .addColumn('subject', 'text')
    .addColumn('disabled', 'integer', column => column.notNull().defaultTo(0))
    .addColumn('created_at', 'text', column => column.notNull())
    .addColumn('updated_at', 'text', column => column.notNull())
    .addUniqueConstraint('users_issuer_subject', ['issuer', 'subject'])
    .execute()

  await withId(db, 'articles')
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('name_key', 'text', column => column.notNull())
    .addColumn('author_id', 'bigint', column => column.references('users.id').onDelete('set null'))
    .addColumn('created_at', 'text', column => column.notNull())
    .addColumn('updated_at', 'text', column => column.notNull())
    .addColumn('version', 'integer', column => column.notNull().defaultTo(1))
    .execute()
  await db.schema.createIndex('articles_author').on('articles').column('author_id').execute()

  await db.schema.createTable('key_sets')
    .addColumn('issuer', 'text', column => column.primaryKey())
    .addColumn('jwks', 'text', column => column.notNull())
    .addColumn('fetched_at', 'bigint', column => column.notNull())
    .execute()
}

// Ids that count up and are never given twice.
function withId (db: Kysely<any>, table: string): CreateTableBuilder<string, 'id'> {
  const builder = db.schema.createTable(table)
  return db.getExecutor().adapter instanceof PostgresAdapter
    ? builder.addColumn('id', 'bigint', column => column.primaryKey().generatedByDefaultAsIdentity())
    : builder.addColumn('id', 'integer', column => column.primaryKey().autoIncrement())
}
