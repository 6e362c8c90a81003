import { PostgresAdapter, sql, type Kysely } from 'kysely'

export async function up (db: Kysely<any>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) await createPostgresIndex(db)
  else await createSqliteIndex(db)
}

// Only a role that may create an extension has the index: pg_trgm is a trusted extension, so CREATE on the
// database is enough. Without it, search stays a bounded scan. The block is a savepoint of its own.
async function createPostgresIndex (db: Kysely<any>): Promise<void> {
  await sql`
    do $$ begin
      create extension if not exists pg_trgm;
      create index articles_name_trigrams on articles using gin (name_key gin_trgm_ops);
    exception when insufficient_privilege or feature_not_supported or undefined_file or undefined_object then
      raise notice 'search has no index: %', sqlerrm;
    end $$`.execute(db)
  // The planner decides between the trigrams and the primary key by these statistics.
  await sql`analyze articles`.execute(db)
}

// The index has a row for each block of 32 consecutive ids, with the names of all of them. Triggers only
// queue the blocks that changed, also for a version of the service that knows nothing of the index. The
// service indexes them later, many at once.
async function createSqliteIndex (db: Kysely<any>): Promise<void> {
  await sql`create virtual table articles_search using fts5(names, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1')`.execute(db)
  await sql`insert into articles_search (rowid, names) select id / 32, group_concat(name_key, char(10)) from articles group by 1`.execute(db)
  await sql`create table articles_search_queue (block integer primary key)`.execute(db)
  await sql`
    create trigger articles_search_insert after insert on articles begin
      insert or ignore into articles_search_queue (block) values (new.id / 32);
    end`.execute(db)
  await sql`
    create trigger articles_search_update after update of id, name_key on articles begin
      insert or ignore into articles_search_queue (block) values (old.id / 32), (new.id / 32);
    end`.execute(db)
  await sql`
    create trigger articles_search_delete after delete on articles begin
      insert or ignore into articles_search_queue (block) values (old.id / 32);
    end`.execute(db)
}
