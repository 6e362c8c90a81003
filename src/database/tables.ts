import type { Generated, Kysely } from 'kysely'

/** Times are ISO 8601 texts in UTC with milliseconds: they sort as they are, and leave as they are. */
export interface Tables {
  users: UsersTable
  articles: ArticlesTable
  audit: AuditTable
  idempotency_keys: IdempotencyKeysTable
  key_sets: KeySetsTable
  leases: LeasesTable
  sign_outs: SignOutsTable
  sync_runs: SyncRunsTable
}

export type Database = Kysely<Tables>

export interface UsersTable {
  id: Generated<number>
  /** A person, or a machine client of the grant `client_credentials`. */
  kind: Generated<'user' | 'client'>
  /** Unique within the issuer, and among unbound users. */
  username: string
  /** The username in lower case, in which it is searched. */
  username_key: string
  email: string | null
  /** The e-mail with its ASCII letters in lower case. Unique within the issuer, and among unbound users. */
  email_key: string | null
  /** When Cognito last said something of the e-mail, in seconds since the epoch; null where an administrator set it. */
  email_as_of: number | null
  /** The identity in Cognito; both are null until the user is bound. */
  issuer: string | null
  subject: string | null
  /** The name under which Cognito's API knows the user; null where no token, event or listing has told it. */
  cognito_username: string | null
  /** 0 or 1: SQLite has no booleans. */
  disabled: Generated<number>
  created_at: string
  updated_at: string
  /** When a run of `users sync` last saw the user in its pool. */
  seen_at: string | null
  /** The newest sign-in of the user that a token told of, in seconds since the epoch. */
  auth_time: number | null
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

/** Responses to requests with an `Idempotency-Key`, stored for as long as a retry is safe. */
export interface IdempotencyKeysTable {
  user_id: number
  /** The method and the pattern of the path. */
  route: string
  key: string
  /** A digest of the request's body. */
  fingerprint: string
  /** A digest of the request's method, path and body. Null, like status and headers, where an older version stored the row. */
  request_fingerprint: string | null
  status: number | null
  /** A JSON object. */
  headers: string | null
  /** The response's body as it was sent; null only inside the transaction that makes it. */
  answer: string | null
  expires_at: string
}

export interface KeySetsTable {
  issuer: string
  jwks: string
  /** Milliseconds since the epoch. */
  fetched_at: number
}

/** The right of one process to do a background task. */
export interface LeasesTable {
  name: string
  /** A random id of the process. */
  holder: string
  /** Milliseconds since the epoch. */
  expires_at: number
}

/** Sessions that were ended before their tokens expire. */
export interface SignOutsTable {
  issuer: string
  subject: string
  /** Sessions begun up to this second are over; seconds since the epoch. */
  at: number
  /** A session that is over whenever it began. */
  origin_jti: string | null
  /** When the last token of such a session has expired. */
  expires_at: string
}

/** The actions on users. They stay when the user is removed. */
export interface AuditTable {
  id: Generated<number>
  at: string
  actor: string
  /** `user`, `client` or `service`; null in entries older than this column. */
  actor_kind: 'user' | 'client' | 'service' | null
  /** The identity of the actor in Cognito; null for a part of the service. */
  actor_issuer: string | null
  actor_subject: string | null
  action: string
  user_id: number
  username: string
  /** The changed members and their new values, in JSON. */
  changes: string
}

/** A run of `users sync` that is in progress, or was interrupted. */
export interface SyncRunsTable {
  user_pool_id: string
  started_at: string
  /** Cognito's pagination token; null before the first page. */
  next_page: string | null
}
