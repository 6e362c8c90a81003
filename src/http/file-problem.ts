import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problems/error-handler.ts'
import { Problem, type ProblemCode } from '../problems/catalogue.ts'

/** An error handler for scopes that serve files: `@fastify/static` throws errors that have a status and no code. */
export function sendFileProblem (error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const refused = error instanceof Error && 'statusCode' in error ? refusals[Number(error.statusCode)] : undefined
  sendProblem(reply, refused === undefined ? error : new Problem(...refused))
}

const refusals: Partial<Record<number, [ProblemCode, string]>> = {
  403: ['not_found', 'There is nothing at this address.'],
  404: ['not_found', 'There is nothing at this address.'],
  412: ['precondition_failed', 'The file is not as the request has it.'],
  416: ['range_not_satisfiable', 'The file is shorter than that.']
}
