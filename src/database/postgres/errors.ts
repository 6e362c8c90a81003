// https://www.postgresql.org/docs/current/errcodes-appendix.html

/** The server is a standby, or read-only for another reason. */
export const readOnlyCode = '25006'

/** Connection, resource, rollback, operator and internal errors: the server is at fault, not the query. */
const unavailableServerCodes = /^(08|28|3D|40|53|57|58|F0|XX)/
const unavailableDriverCodes =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/

export class StandbyError extends Error {
  constructor () {
    super('the server is a standby; DATABASE_URL must name the primary')
  }
}

const unavailableErrors = new WeakSet<Error>()

/**
 * Marks an error of the driver where the server is at fault. Its code alone cannot tell later: client
 * sockets, Redis and `fetch` fail with the same codes.
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

/** Whether the server does not accept connections yet: it starts, or all its connections are in use. */
export function isPostgresUnreachable (error: unknown): boolean {
  if (isServerError(error)) return error.code === '57P03' || error.code === '53300'
  if (!(error instanceof Error)) return false
  return 'code' in error ? /^(ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET)/.test(String(error.code)) : /timeout/.test(error.message)
}

/** The driver gave up after `query_timeout`. Its error has no code. */
export function isQueryTimeout (error: Error): boolean {
  return error.message === 'Query read timeout'
}

/**
 * Poolers pass on only the start-up parameters that they know. PgBouncer names the parameter that it rejects.
 */
export function isRejectedStartupParameter (error: unknown, name: string): boolean {
  return isServerError(error) && error.code === '08P01' && error.message.includes(name)
}

/** A lock was not free within `lock_timeout`. */
export function isPostgresLockTimeout (error: unknown): boolean {
  return isServerError(error) && error.code === '55P03'
}

/**
 * Whether the server reported the error. https://www.postgresql.org/docs/current/protocol-error-fields.html
 */
export function isServerError (error: unknown): error is Error & { severity: string, code: string } {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

function isServerAtFault (error: Error): boolean {
  if (error instanceof StandbyError) return true
  if (isServerError(error)) return error.code === readOnlyCode || unavailableServerCodes.test(error.code)
  if ('code' in error) return unavailableDriverCodes.test(String(error.code))
  return /timeout|terminated|Connection/i.test(error.message)
}
