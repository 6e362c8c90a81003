import type { FastifyReply } from 'fastify'
import { isCognitoAuthError } from '../../plugins/cognito-auth/index.ts'
import { authenticationProblem } from '../cognito/authentication-problem.ts'
import { isStorageUnavailable } from '../database/open.ts'
import { temporaryProblem, Problem, type ProblemCode } from './catalogue.ts'
import { traceIdOf } from '../telemetry/trace-context.ts'
import { problemBody } from './body.ts'

/** Answers with the problem that an error is to the client. */
export function sendProblem (reply: FastifyReply, error: unknown): void {
  const { errored } = reply.request.raw
  const problem = error === errored ? new Problem('validation_failed', 'The body did not arrive whole.') : asProblem(error)
  reply.request.problem = problem
  if (problem.code === 'internal_error' || problem.code === 'storage_unavailable') reply.log.error({ err: problem.cause, traceId: traceIdOf(reply.request) }, problem.message)
  if (staysOpen(reply)) reply.removeHeader('connection')
  reply
    .code(problem.statusCode)
    .headers(problem.headers)
    .type('application/problem+json; charset=utf-8')
    .send(problemBody(problem, reply.request.id))
}

/**
 * Whether the connection that Fastify would close, as it does over any body that is refused, is to be kept. A body that came whole leaves it
 * in step, and requests behind it have begun already, and would get no answer.
 */
function staysOpen (reply: FastifyReply): boolean {
  const { complete, headers } = reply.request.raw
  // Node never says close by itself again once the header has been removed.
  return reply.hasHeader('connection') && complete && reply.raw.shouldKeepAlive && headers.upgrade === undefined
}

// An unforeseen error becomes a 500 that says nothing of the inside.
function asProblem (error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isCognitoAuthError(error)) return authenticationProblem(error)
  const known = frameworkErrors[codeOf(error)]
  if (known !== undefined) return new Problem(...known)
  if (isStorageUnavailable(error)) {
    return temporaryProblem('storage_unavailable', 'The database does not answer; try again.', { cause: error })
  }
  return new Problem('internal_error', 'This was not foreseen; it has been logged under the request id.', { cause: error })
}

function codeOf (error: unknown): string {
  // Fastify's parser refuses __proto__ in JSON with a SyntaxError that has a status and no code.
  if (error instanceof SyntaxError && 'statusCode' in error) return 'FST_ERR_CTP_INVALID_JSON_BODY'
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

// https://fastify.dev/docs/latest/Reference/Errors/
const frameworkErrors: Partial<Record<string, [ProblemCode, string]>> = {
  FST_ERR_BAD_URL: ['validation_failed', 'The address has a percent sign that encodes nothing.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than is taken here.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['validation_failed', 'The body is not as long as Content-Length says.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'The body is not JSON, or has members that are forbidden.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'There is nothing at this address.']
}
