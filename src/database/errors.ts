import { isPostgresConflict, isPostgresForeignKeyViolation, isPostgresSerializationFailure, isPostgresUnavailable } from './postgres/errors.ts'
import { isSqliteConflict, isSqliteForeignKeyViolation, isSqliteUnavailable } from './sqlite/errors.ts'

/**
 * Whether an error came from the database and the storage is at fault, not the query. The response is a 503.
 */
export function isStorageUnavailable (error: unknown): boolean {
  return isSqliteUnavailable(error) || isPostgresUnavailable(error)
}

/** Whether a row would violate a unique constraint. */
export function isConflict (error: unknown): boolean {
  return isSqliteConflict(error) || isPostgresConflict(error)
}

/** Whether a row would refer to a row that does not exist, or that was deleted in the meantime. */
export function isForeignKeyViolation (error: unknown): boolean {
  return isSqliteForeignKeyViolation(error) || isPostgresForeignKeyViolation(error)
}

/**
 * Whether a transaction conflicted with others and may succeed when it is retried. SQLite's transactions
 * never do.
 */
export function isSerializationFailure (error: unknown): boolean {
  return isPostgresSerializationFailure(error)
}
