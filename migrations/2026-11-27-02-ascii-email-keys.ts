import { PostgresAdapter, sql, type Kysely } from 'kysely'

/**
 * E-mail addresses are compared with only their ASCII letters in lower case. Older keys had every letter in
 * lower case. Two new keys can only be equal where the old keys were, so no two rows collide.
 */
export async function up (db: Kysely<any>): Promise<void> {
  // SQLite's `lower` changes ASCII letters only; so does PostgreSQL's under the collation "C".
  const key = db.getExecutor().adapter instanceof PostgresAdapter ? sql`lower(email collate "C")` : sql`lower(email)`
  await sql`update users set email_key = ${key} where email_key <> ${key}`.execute(db)
}
