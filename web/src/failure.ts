import type { components } from './api/client.ts'
import { SessionOver } from './session.ts'

export type ProblemBody = components['schemas']['Problem']

/** The service has answered, and refused. */
export class Refusal extends Error {
  readonly code: string
  readonly status: number
  readonly faults: NonNullable<ProblemBody['errors']>

  constructor (status: number, problem: unknown) {
    super(isProblem(problem) ? problem.detail : `The service answered ${status}, and nothing else that can be read.`)
    this.status = status
    this.code = isProblem(problem) ? problem.code : 'unknown'
    this.faults = isProblem(problem) ? problem.errors ?? [] : []
  }
}

/** No answer came: whether the service did what it was asked is not known. */
export class Unreachable extends Error {}

export type Failure = Refusal | Unreachable | SessionOver

export function asFailure (error: unknown): Failure {
  if (error instanceof Refusal || error instanceof SessionOver) return error
  return new Unreachable('No answer came.', { cause: error })
}

/** What is wrong with one member of the body, if anything is. */
export function faultOf (failure: Failure | undefined, member: string): string | undefined {
  return failure instanceof Refusal ? failure.faults.find(({ path }) => path === `/${member}`)?.message : undefined
}

function isProblem (value: unknown): value is ProblemBody {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value
}
