import { PostgresAdapter, sql, type Kysely } from 'kysely'

/**
 * Usernames and e-mail addresses become unique within an issuer and among unbound users. They were unique
 * over all users. The stricter old constraints go, so that every existing row fits, and an older version can
 * go on writing.
 */
export async function up (db: Kysely<any>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    await sql`alter table users drop constraint users_username_key, drop constraint users_email_key_key`.execute(db)
  } else {
    await rebuildSqliteTable(db)
  }
  await db.schema.alterTable('users').addColumn('kind', 'text', column => column.notNull().defaultTo('user')).execute()
  await db.schema.alterTable('users').addColumn('cognito_username', 'text').execute()
  await db.schema.alterTable('users').addColumn('email_as_of', 'bigint').execute()
  // An unbound user has no issuer. SQL never takes two nulls as equal, so the index holds an empty text in
  // their place.
  await sql`create unique index users_issuer_username on users (coalesce(issuer, ''), username)`.execute(db)
  await sql`create unique index users_issuer_email on users (coalesce(issuer, ''), email_key)`.execute(db)
}

// SQLite cannot drop a constraint, so the table is made anew. `drop table` first deletes the rows, and the
// foreign keys of other tables act on that: articles lose their authors. A migration is a transaction and
// cannot switch foreign keys off. So the references are stored before, and restored after.
async function rebuildSqliteTable (db: Kysely<any>): Promise<void> {
  const columns = sql.raw('id, username, username_key, email, email_key, issuer, subject, disabled, created_at, updated_at, seen_at, auth_time')
  await db.schema.createTable('users_rebuilt')
    .addColumn('id', 'integer', column => column.primaryKey().autoIncrement())
    .addColumn('username', 'text', column => column.notNull())
    .addColumn('username_key', 'text', column => column.notNull())
    .addColumn('email', 'text')
    .addColumn('email_key', 'text')
    .addColumn('issuer', 'text')
    .addColumn('subject', 'text')
    .addColumn('disabled', 'integer', column => column.notNull().defaultTo(0))
    .addColumn('created_at', 'text', column => column.notNull())
    .addColumn('updated_at', 'text', column => column.notNull())
    .addColumn('seen_at', 'text')
    .addColumn('auth_time', 'bigint')
    .addUniqueConstraint('users_issuer_subject', ['issuer', 'subject'])
    .execute()
  await sql`insert into users_rebuilt (${columns}) select ${columns} from users`.execute(db)
  // The next id, so that the id of a removed user is not given again.
  await sql`delete from sqlite_sequence where name = 'users_rebuilt'`.execute(db)
  await sql`insert into sqlite_sequence (name, seq) select 'users_rebuilt', seq from sqlite_sequence where name = 'users'`.execute(db)

  await sql`create table stored_authors (id integer primary key, author_id integer not null)`.execute(db)
  await sql`insert into stored_authors select id, author_id from articles where author_id is not null`.execute(db)
  await sql`create table stored_keys as select * from idempotency_keys`.execute(db)
  await sql`drop table users`.execute(db)
  await sql`alter table users_rebuilt rename to users`.execute(db)
  await sql`update articles set author_id = stored_authors.author_id from stored_authors where stored_authors.id = articles.id`.execute(db)
  await sql`insert into idempotency_keys select * from stored_keys`.execute(db)
  await sql`drop table stored_authors`.execute(db)
  await sql`drop table stored_keys`.execute(db)
}
