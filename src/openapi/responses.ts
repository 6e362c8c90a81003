import { Type, type TSchema } from '@sinclair/typebox'
import { ProblemSchema } from '../problems/body.ts'

const header = (description: string, schema: TSchema = Type.String({ maxLength: 1000, pattern: '^[ -~]*$' })) => ({ ...schema, description })

/** The headers that answers may carry, as the document describes them. */
export const headers = {
  RateLimit: header('What is left of the limit, and for how long (draft-ietf-httpapi-ratelimit-headers).'),
  'RateLimit-Policy': header('The limit and its window.'),
  'X-Request-Id': header('The id under which the request is logged: its own `X-Request-Id` where that is 1 to 64 letters, digits, `_`, `:` and `-`.', Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9_:-]+$' })),
  'Access-Control-Allow-Origin': header('The origin, where it is one that may call the service.'),
  'Cache-Control': header('Kept by the client alone, and asked for again each time.'),
  Vary: header('The answer depends on who asks.'),
  ETag: header('The entity tag of this representation, for `If-None-Match` and `If-Match`.'),
  Link: header('`rel="next"`: where the list goes on, while there is more (RFC 8288).'),
  Location: header('Where the new resource is.'),
  Allow: header('The methods that the address takes.'),
  'Retry-After': header('Seconds after which to try again.', Type.Integer({ minimum: 1, maximum: 86_400, format: 'int32' })),
  'WWW-Authenticate': header('The challenge (RFC 6750), with `error` and `error_description` where a token was refused.')
}

type HeaderName = keyof typeof headers

const always: HeaderName[] = ['RateLimit', 'RateLimit-Policy', 'X-Request-Id', 'Access-Control-Allow-Origin']

function describeHeaders (names: HeaderName[]) {
  return Object.fromEntries(always.concat(names).map(name => [name, headers[name]]))
}

/** A successful answer in JSON. */
export function json<Schema extends TSchema> (schema: Schema, description: string, ...names: HeaderName[]) {
  return { description, headers: describeHeaders(names), content: { 'application/json': { schema } } }
}

/** A successful answer without a body. */
export function nothing (description: string, ...names: HeaderName[]) {
  return { type: 'null', description, headers: describeHeaders(names) } as const
}

const refusals: Record<number, [description: string, ...names: HeaderName[]]> = {
  400: ['The request is not valid: `validation_failed` with `errors`, or `malformed_json`.'],
  401: ['No token, or one that is refused: `no_auth_token`, `invalid_auth_token`, `expired_auth_token`.', 'WWW-Authenticate'],
  403: ['Not allowed: `no_such_user`, `user_disabled`, `email_not_verified`, `forbidden`, `insufficient_scope`.', 'WWW-Authenticate'],
  404: ['There is no such thing: `not_found`.'],
  409: ['Something else has the name already: `conflict`.'],
  412: ['It has changed since it was read: `precondition_failed`.'],
  413: ['The body is too large: `payload_too_large`.'],
  415: ['The body is not JSON by its Content-Type: `unsupported_media_type`.'],
  422: ['The idempotency key came before with another body: `idempotency_mismatch`.'],
  429: ['Too many requests: `rate_limited`.', 'Retry-After'],
  500: ['Something unforeseen, logged under the request id: `internal_error`.'],
  503: ['For the moment: `identity_provider_unavailable`, `storage_unavailable`, `overloaded`.', 'Retry-After']
}

export interface ProblemResponse {
  description: string
  headers: Record<string, unknown>
  content: { 'application/problem+json': { schema: typeof ProblemSchema } }
}

/** The refusals of a route, by status; those that every route has are among them. */
export function problems (...statuses: number[]): Record<number, ProblemResponse> {
  return Object.fromEntries(statuses.concat(429, 500, 503).map(status => {
    const [description, ...names] = refusals[status] ?? ['Refused.']
    return [status, { description, headers: describeHeaders(names), content: { 'application/problem+json': { schema: ProblemSchema } } }]
  }))
}
