import { Type, type TSchema } from '@sinclair/typebox'
import { ProblemSchema } from '../problems/body.ts'

const text = Type.String({ maxLength: 1000, pattern: '^[ -~]*$' })
const requestId = Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9_:-]+$' })
const seconds = Type.Integer({ minimum: 1, maximum: 86_400, format: 'int32' })

/** The response headers that the OpenAPI document describes. */
const headers = {
  RateLimit: header('The rest of the rate limit, and the seconds until it resets (draft-ietf-httpapi-ratelimit-headers).'),
  'RateLimit-Policy': header('The rate limit and its window in seconds.'),
  'X-Request-Id': header(
    'The id of the request in the log. A request may bring its own: 1 to 64 letters, digits, `_`, `:` and `-`.',
    requestId
  ),
  'Access-Control-Allow-Origin': header('The origin of the request, where `CORS_ORIGINS` allows it.'),
  'Cache-Control': header('Only the client itself may cache the response, and revalidates it each time.'),
  Vary: header('The request headers that the response depends on.'),
  ETag: header('The entity tag of this representation, for `If-None-Match` and `If-Match`.'),
  Link: header('`rel="next"`: the next page, while there is one (RFC 8288).'),
  Location: header('The path of the new resource.'),
  Allow: header('The methods that the path supports.'),
  'Retry-After': header('Seconds to wait before the next try.', seconds),
  'WWW-Authenticate': header('The challenge (RFC 6750). For an invalid token it has `error` and `error_description`.')
}

type HeaderName = keyof typeof headers

/** A successful response with a JSON body. */
export function json<Schema extends TSchema> (schema: Schema, description: string, ...names: HeaderName[]) {
  return { description, headers: describeHeaders(names), content: { 'application/json': { schema } } }
}

/** A successful response without a body. */
export function noContent (description: string, ...names: HeaderName[]) {
  return { type: 'null', description, headers: describeHeaders(names) } as const
}

/** The successful responses of a conditional read: the representation, or 304. */
export function representation<Schema extends TSchema> (schema: Schema, description: string, ...names: HeaderName[]) {
  const allNames: HeaderName[] = [...names, 'ETag', 'Cache-Control', 'Vary']
  return {
    200: json(schema, description, ...allNames),
    304: noContent('The representation still has the entity tag in `If-None-Match`.', ...allNames)
  }
}

interface ProblemResponse {
  description: string
  headers: Record<string, unknown>
  content: { 'application/problem+json': { schema: typeof ProblemSchema } }
}

/** The error responses of a route, by status. It adds the errors that every route has. */
export function problems (...statuses: number[]): Record<number, ProblemResponse> {
  return Object.fromEntries(statuses.concat(429, 500, 503).map(status => {
    const [description, ...names] = errors[status] ?? ['Error.']
    const content = { 'application/problem+json': { schema: ProblemSchema } }
    return [status, { description, headers: describeHeaders(names), content }]
  }))
}

const errors: Record<number, [description: string, ...names: HeaderName[]]> = {
  400: ['The request is not valid: `validation_failed` with `errors`, or `malformed_json`.'],
  401: ['The token is missing or invalid: `no_auth_token`, `invalid_auth_token`, `expired_auth_token`.', 'WWW-Authenticate'],
  403: ['Access denied: `no_such_user`, `user_disabled`, `email_not_verified`, `forbidden`, `insufficient_scope`.', 'WWW-Authenticate'],
  404: ['The resource does not exist: `not_found`.'],
  409: ['The request conflicts with another resource: `conflict`.'],
  412: ['The resource has changed since the client read it: `precondition_failed`.'],
  413: ['The body is too large: `payload_too_large`.'],
  415: ['The Content-Type is not JSON: `unsupported_media_type`.'],
  422: ['The idempotency key was used with another body: `idempotency_mismatch`.'],
  429: ['Too many requests: `rate_limited`.', 'Retry-After'],
  500: ['An unexpected error, logged under the request id: `internal_error`.'],
  503: ['Temporarily unavailable: `identity_provider_unavailable`, `storage_unavailable`, `overloaded`.', 'Retry-After']
}

const commonNames: HeaderName[] = ['RateLimit', 'RateLimit-Policy', 'X-Request-Id', 'Access-Control-Allow-Origin']

function describeHeaders (names: HeaderName[]) {
  return Object.fromEntries(commonNames.concat(names).map(name => [name, headers[name]]))
}

function header (description: string, schema: TSchema = text) {
  return { ...schema, description }
}
