import { StacklessError } from './stackless-error.ts'

/**
 * The catalogue of refusals: every error that a client may see, its status and its title.
 * A `Problem` becomes a response in `src/problems/error-handler.ts`.
 */
export const catalogue = {
  validation_failed: [400, 'The request is not valid'],
  malformed_json: [400, 'The body is not JSON'],
  no_auth_token: [401, 'A token is needed'],
  invalid_auth_token: [401, 'The token is refused'],
  expired_auth_token: [401, 'The token has expired'],
  no_such_user: [403, 'No such user here'],
  user_disabled: [403, 'The user is disabled'],
  email_not_verified: [403, 'The e-mail address is not verified'],
  forbidden: [403, 'Not allowed'],
  insufficient_scope: [403, 'The token lacks a scope'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'The request took too long to arrive'],
  conflict: [409, 'Conflict'],
  precondition_failed: [412, 'Precondition failed'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  range_not_satisfiable: [416, 'There is no such range'],
  idempotency_mismatch: [422, 'The idempotency key was used with another body'],
  rate_limited: [429, 'Too many requests'],
  headers_too_large: [431, 'The headers are too large'],
  internal_error: [500, 'Something went wrong here'],
  identity_provider_unavailable: [503, 'The identity provider cannot be reached'],
  storage_unavailable: [503, 'The storage cannot be reached'],
  overloaded: [503, 'Too busy'],
} as const

export type ProblemCode = keyof typeof catalogue

/** One fault of the input: the part of the request, a JSON pointer (RFC 6901) into it, and what is wrong. */
export interface InputFault {
  in: 'body' | 'query' | 'params' | 'headers'
  path: string
  message: string
}

export interface ProblemOptions {
  /** Response headers, such as `www-authenticate` and `retry-after`. Fastify's own error handler honours them too. */
  headers?: Record<string, string>
  errors?: InputFault[]
  /** Why a token was refused, in one word, for logs and metrics. */
  reason?: string
  cause?: unknown
}

/** An error that is the client's to see. `message` is its `detail`: it holds no token, SQL, path or stack. */
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

/** A refusal for the moment: the client may try again, after so many seconds. */
export function temporaryProblem (
  code: 'identity_provider_unavailable' | 'storage_unavailable' | 'overloaded' | 'rate_limited',
  detail: string,
  { retryAfter = 1, cause }: { retryAfter?: number, cause?: unknown } = {}
): Problem {
  return new Problem(code, detail, { headers: { 'retry-after': `${retryAfter}` }, cause })
}
