import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problems/error-handler.ts'
import { Problem, type ProblemCode } from '../problems/catalogue.ts'

/**
 * An error handler for scopes that serve files. The errors of `@fastify/static` have a status and no code.
 */
export function sendFileProblem (error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const problem = error instanceof Error && 'statusCode' in error ? problems[Number(error.statusCode)] : undefined
  sendProblem(reply, problem === undefined ? error : new Problem(...problem))
}

const problems: Partial<Record<number, [ProblemCode, string]>> = {
  403: ['not_found', 'No resource has this URL.'],
  404: ['not_found', 'No resource has this URL.'],
  412: ['precondition_failed', 'The file does not meet the conditions of the request.'],
  416: ['range_not_satisfiable', 'The range starts after the end of the file.']
}
