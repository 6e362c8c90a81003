import type { FastifyReply } from 'fastify'
import { isCognitoAuthError } from '../../plugins/cognito-auth/index.ts'
import { authenticationProblem } from '../cognito/authentication-problem.ts'
import { isStorageUnavailable } from '../database/errors.ts'
import { temporaryProblem, Problem, type ProblemCode } from './catalogue.ts'
import { traceIdOf } from '../telemetry/trace-context.ts'
import { problemBody } from './body.ts'

/**
 * Sends the problem that an error stands for. An unexpected error is logged and becomes a 500 without any
 * internals.
 */
export function sendProblem (reply: FastifyReply, error: unknown): void {
  const { errored } = reply.request.raw
  const problem = error === errored ? new Problem('validation_failed', 'The body did not arrive completely.') : asProblem(error)
  reply.request.problem = problem
  if (problem.code === 'internal_error' || isNewFailure(problem)) {
    reply.log.error({ err: problem.cause, traceId: traceIdOf(reply.request) }, problem.message)
  }
  reply
    .code(problem.statusCode)
    .headers(problem.headers)
    .type('application/problem+json; charset=utf-8')
    .send(problemBody(problem, reply.request.id))
}

/**
 * The failures of the database that are in the log. One failure may reject many requests: concurrent
 * readiness checks share it.
 */
const loggedFailures = new WeakSet<object>()

function isNewFailure ({ code, cause }: Problem): boolean {
  if (code !== 'storage_unavailable') return false
  if (typeof cause !== 'object' || cause === null) return true
  const isNew = !loggedFailures.has(cause)
  loggedFailures.add(cause)
  return isNew
}

function asProblem (error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isCognitoAuthError(error)) return authenticationProblem(error)
  const frameworkProblem = frameworkProblems[codeOf(error)]
  if (frameworkProblem !== undefined) return new Problem(...frameworkProblem)
  if (isStorageUnavailable(error)) {
    return temporaryProblem('storage_unavailable', 'The database does not respond. Try again later.', { cause: error })
  }
  return new Problem('internal_error', 'An unexpected error occurred. It is logged under the request id.', { cause: error })
}

function codeOf (error: unknown): string {
  // Fastify's parser rejects __proto__ in JSON with a SyntaxError that has a status and no code.
  if (error instanceof SyntaxError && 'statusCode' in error) return 'FST_ERR_CTP_INVALID_JSON_BODY'
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

// https://fastify.dev/docs/latest/Reference/Errors/
const frameworkProblems: Partial<Record<string, [ProblemCode, string]>> = {
  FST_ERR_BAD_URL: ['validation_failed', 'The URL contains a percent sign that starts no valid escape.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is too large for this route. Send a smaller body.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'The body is empty. Send JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['validation_failed', 'The length of the body differs from Content-Length.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'The body is not valid JSON, or has a member with a forbidden name.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'No resource has this URL.']
}
