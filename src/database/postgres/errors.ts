// https://www.postgresql.org/docs/current/errcodes-appendix.html

/** The server refuses to write, because it is a standby. */
export const readOnlyCode = '25006'

/** Connection, resource, rollback, operator and internal errors: the server is at fault, not the query. */
const unavailableServerCodes = /^(08|28|3D|40|53|57|58|F0|XX)/
const unavailableDriverCodes =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/

const unavailableErrors = new WeakSet<Error>()

/**
 * Marks an error of the driver where the server is at fault. Its code alone cannot tell later: client sockets, Redis and
 * `fetch` fail with the same codes.
 * @returns the error
 */
export function markUnavailable (error: unknown): unknown {
  if (error instanceof Error && isServerAtFault(error)) unavailableErrors.add(error)
  return error
}

export function isPostgresUnavailable (error: unknown): boolean {
  return error instanceof Error && unavailableErrors.has(error)
}

export function isPostgresConflict (error: unknown): boolean {
  return isServerError(error) && error.code === '23505'
}

export function isPostgresForeignKeyViolation (error: unknown): boolean {
  return isServerError(error) && error.code === '23503'
}

/** Serialization failures and deadlocks. Distributed engines report them in normal operation. */
export function isPostgresSerializationFailure (error: unknown): boolean {
  return isServerError(error) && (error.code === '40001' || error.code === '40P01')
}

/** A lock was not free within `lock_timeout`. */
export function isPostgresLockTimeout (error: unknown): boolean {
  return isServerError(error) && error.code === '55P03'
}

/** Whether the server reported the error. https://www.postgresql.org/docs/current/protocol-error-fields.html */
export function isServerError (error: unknown): error is Error & { severity: string, code: string } {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

function isServerAtFault (error: Error): boolean {
  if (isServerError(error)) return error.code === readOnlyCode || unavailableServerCodes.test(error.code)
  if ('code' in error) return unavailableDriverCodes.test(String(error.code))
  return /timeout|terminated|Connection/i.test(error.message)
}
