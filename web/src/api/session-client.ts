import { serviceUrl } from '../config.ts'
import { currentToken, endSession } from '../session.ts'
import { createArticlesClient, type components } from './client.ts'
import { ApiError, toRequestError } from './errors.ts'

export type Article = components['schemas']['Article']
export type User = components['schemas']['User']
export type AuditEntry = components['schemas']['AuditEntry']

export interface Page<Row> {
  rows: Row[]
  /** The id after which the next page begins, if there is one. */
  next: number | undefined
}

const timeoutMs = 15_000

/** A client of the service that serves this page, with the token of the signed-in person. */
export const client = createArticlesClient({ baseUrl: serviceUrl, token: async () => (await currentToken()).text, fetch: send })

interface Result<Data> {
  data?: Data
  error?: unknown
  response: Response
}

/**
 * Waits for a response and returns its data.
 * @throws {RequestError}
 */
export async function unwrap<Data> (call: Promise<Result<Data>>): Promise<Data> {
  const { data } = await expectSuccess(call)
  if (data === undefined) throw toRequestError(undefined)
  return data
}

/** @throws {RequestError} */
export async function unwrapPage<Row> (call: Promise<Result<Row[]>>): Promise<Page<Row>> {
  const { data, response } = await expectSuccess(call)
  const next = /[?&]after=(\d+)[^>]*>; *rel="next"/.exec(response.headers.get('link') ?? '')
  return { rows: data ?? [], next: next === null ? undefined : Number(next[1]) }
}

/** @throws {RequestError} */
export async function expectSuccess<Data> (call: Promise<Result<Data>>): Promise<Result<Data>> {
  try {
    const result = await call
    if (!result.response.ok) throw new ApiError(result.response.status, result.error)
    return result
  } catch (error) {
    throw toRequestError(error)
  }
}

// A refused token is renewed once, because this machine's clock may be wrong. A second refusal ends the
// session.
async function send (request: Request): Promise<Response> {
  const retry = request.clone()
  const response = await fetch(request, { signal: withTimeout(request) })
  if (response.status !== 401) return response

  retry.headers.set('authorization', `Bearer ${(await currentToken({ renew: true })).text}`)
  const second = await fetch(retry, { signal: withTimeout(retry) })
  if (second.status === 401) await endSession('expired')
  return second
}

function withTimeout ({ signal }: Request): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
}
