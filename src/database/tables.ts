import type { Generated, Kysely } from 'kysely'

/**
 * Times are ISO 8601 texts in UTC with milliseconds. They sort as text, and responses contain them unchanged.
 */
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
  /** The username in lower case, for searches. */
  username_key: string
  email: string | null
  /**
   * The e-mail address with its ASCII letters in lower case. Unique within the issuer, and among unbound
   * users.
   */
  email_key: string | null
  /**
   * When Cognito last told the e-mail address, in seconds since the epoch; null where an administrator set
   * it.
   */
  email_as_of: number | null
  /** The identity in Cognito. Issuer and subject are null until the user is bound. */
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
  /** The newest sign-in in any token of the user, in seconds since the epoch. */
  auth_time: number | null
}

export interface ArticlesTable {
  id: Generated<number>
  name: string
  /** The name in lower case, for searches. */
  name_key: string
  author_id: number | null
  created_at: string
  updated_at: string
  /** The number of changes, for the entity tag. */
  version: Generated<number>
}

/** Responses to requests with an `Idempotency-Key`, stored until the key expires. */
export interface IdempotencyKeysTable {
  user_id: number
  /** The method and the pattern of the path. */
  route: string
  key: string
  /** A digest of the request's body. */
  fingerprint: string
  /**
   * A digest of the request's method, path and body. Null, like status and headers, where an older version
   * stored the row.
   */
  request_fingerprint: string | null
  status: number | null
  /** A JSON object. */
  headers: string | null
  /** The body of the response. Null only inside the transaction that creates it. */
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

/** Sessions that ended before their tokens expire. */
export interface SignOutsTable {
  issuer: string
  subject: string
  /** Sessions that began up to this second are over. In seconds since the epoch. */
  at: number
  /** One session that is over, whenever it began. */
  origin_jti: string | null
  /** When the last token of such a session expires. */
  expires_at: string
}

/** The audit log: actor, action and user. An entry stays after its user is deleted. */
export interface AuditTable {
  id: Generated<number>
  at: string
  actor: string
  /** `user`, `client` or `service`; null in entries older than this column. */
  actor_kind: 'user' | 'client' | 'service' | null
  /** The identity of the actor in Cognito. Null for the service itself. */
  actor_issuer: string | null
  actor_subject: string | null
  action: string
  user_id: number
  username: string
  /** The changed fields with their new values, in JSON. */
  changes: string
}

/** A run of `users sync` that is in progress or was interrupted. */
export interface SyncRunsTable {
  user_pool_id: string
  started_at: string
  /** Cognito's pagination token. Null before the first page. */
  next_page: string | null
}
