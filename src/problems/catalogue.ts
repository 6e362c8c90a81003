import { StacklessError } from './stackless-error.ts'

/**
 * Every error that a client may see, with its status and its title.
 * `src/problems/error-handler.ts` turns a `Problem` into a response.
 */
export const catalogue = {
  validation_failed: [400, 'The request is not valid'],
  malformed_json: [400, 'The body is not JSON'],
  no_auth_token: [401, 'A token is required'],
  invalid_auth_token: [401, 'The token is not valid'],
  expired_auth_token: [401, 'The token has expired'],
  no_such_user: [403, 'The user does not exist'],
  user_disabled: [403, 'The user is disabled'],
  email_not_verified: [403, 'The e-mail address is not verified'],
  forbidden: [403, 'Access denied'],
  insufficient_scope: [403, 'The token lacks a scope'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'The request did not arrive in time'],
  conflict: [409, 'Conflict'],
  precondition_failed: [412, 'Precondition failed'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  range_not_satisfiable: [416, 'The range is not satisfiable'],
  idempotency_mismatch: [422, 'The idempotency key was used with another body'],
  rate_limited: [429, 'Too many requests'],
  headers_too_large: [431, 'The headers are too large'],
  internal_error: [500, 'Internal error'],
  identity_provider_unavailable: [503, 'The identity provider is not available'],
  storage_unavailable: [503, 'The database is not available'],
  overloaded: [503, 'The service is overloaded'],
} as const

export type ProblemCode = keyof typeof catalogue

/**
 * One fault of the input: the part of the request, a JSON pointer (RFC 6901) into that part, and a message.
 */
export interface InputFault {
  in: 'body' | 'query' | 'params' | 'headers'
  path: string
  message: string
}

export interface ProblemOptions {
  /**
   * Response headers, such as `www-authenticate` and `retry-after`. Fastify's own error handler honours them
   * too.
   */
  headers?: Record<string, string>
  errors?: InputFault[]
  /** The reason for an invalid token in one word, for logs and metrics. */
  reason?: string
  cause?: unknown
}

/** An error for the client. Its `message` becomes the `detail`, and contains no token, SQL, path or stack. */
export class Problem extends StacklessError {
  readonly code: ProblemCode
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly errors: InputFault[] | undefined
  readonly reason: string | undefined

  constructor (code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.statusCode = catalogue[code][0]
    this.headers = options.headers ?? {}
    this.errors = options.errors
    this.reason = options.reason
  }
}

/** A temporary error. The client may try again after `retryAfter` seconds. */
export function temporaryProblem (
  code: 'identity_provider_unavailable' | 'storage_unavailable' | 'overloaded' | 'rate_limited',
  detail: string,
  { retryAfter = 1, cause }: { retryAfter?: number, cause?: unknown } = {}
): Problem {
  return new Problem(code, detail, { headers: { 'retry-after': `${retryAfter}` }, cause })
}
