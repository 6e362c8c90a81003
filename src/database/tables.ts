import type { Generated, Kysely } from 'kysely'

/** Times are ISO 8601 texts in UTC with milliseconds: they sort as they are, and leave as they are. */
export interface Tables {
  users: UsersTable
  articles: ArticlesTable
  key_sets: KeySetsTable
}

export type Database = Kysely<Tables>

export interface UsersTable {
  id: Generated<number>
  username: string
  email: string | null
  /** The e-mail in lower case, by which it is compared. */
  email_key: string | null
  /** Who in Cognito this is; both null until bound. */
  issuer: string | null
  subject: string | null
  /** 0 or 1: SQLite has no booleans. */
  disabled: Generated<number>
  created_at: string
  updated_at: string
}

export interface ArticlesTable {
  id: Generated<number>
  name: string
  author_id: number | null
  created_at: string
  updated_at: string
}

export interface KeySetsTable {
  issuer: string
  jwks: string
  /** Milliseconds since the epoch. */
  fetched_at: number
}
