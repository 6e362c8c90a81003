import type { Generated, Kysely } from 'kysely'

/** Times are ISO 8601 texts in UTC with milliseconds: they sort as they are, and leave as they are. */
export interface Tables {
  users: UsersTable
  articles: ArticlesTable
  idempotency_keys: IdempotencyKeysTable
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
  /** The name in lower case, in which it is searched. */
  name_key: string
  author_id: number | null
  created_at: string
  updated_at: string
  /** Counts its changes. */
  version: Generated<number>
}

/** Answers to requests with an `Idempotency-Key`, for as long as a retry is safe. */
export interface IdempotencyKeysTable {
  user_id: number
  route: string
  key: string
  /** A digest of the request's body. */
  fingerprint: string
  /** The answer's body in JSON; null only inside the transaction that makes it. */
  answer: string | null
  expires_at: string
}

export interface KeySetsTable {
  issuer: string
  jwks: string
  /** Milliseconds since the epoch. */
  fetched_at: number
}
