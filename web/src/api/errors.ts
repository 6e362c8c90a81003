import type { components } from './client.ts'
import { SessionExpired } from '../session.ts'

type Problem = components['schemas']['Problem']

/** The service has refused a request. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | undefined
  /** The paths of the invalid members of the body, such as `/name`. */
  readonly invalidPaths: string[]

  constructor (status: number, problem: unknown) {
    super(isProblem(problem) ? problem.detail : `status ${status}`)
    this.status = status
    this.code = isProblem(problem) ? problem.code : 'unknown'
    this.requestId = isProblem(problem) ? problem.requestId : undefined
    this.invalidPaths = isProblem(problem) ? (problem.errors ?? []).map(({ path }) => path) : []
  }
}

/** No response arrived. The service may have handled the request or not. */
export class NetworkError extends Error {}

export type RequestError = ApiError | NetworkError | SessionExpired

export function toRequestError (error: unknown): RequestError {
  if (error instanceof ApiError || error instanceof SessionExpired) return error
  return new NetworkError('No response arrived.', { cause: error })
}

export function hasCode (error: unknown, code: string): boolean {
  return error instanceof ApiError && error.code === code
}

/** Whether the service found a member of the body invalid. */
export function isInvalid (error: RequestError | undefined, member: string): boolean {
  return error instanceof ApiError && error.invalidPaths.includes(`/${member}`)
}

function isProblem (value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value
}
