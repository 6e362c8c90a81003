import { createArticlesClient, type components } from './api/client.ts'
import { asFailure, Refusal } from './failure.ts'
import { currentToken, endSession } from './session.ts'

export type Article = components['schemas']['Article']
export type User = components['schemas']['User']
export type AuditEntry = components['schemas']['AuditEntry']
export type Me = components['schemas']['Me']

export interface Page<Row> {
  rows: Row[]
  /** The id to go on after, while there is more. */
  next: number | undefined
}

/** How long an answer may take, in milliseconds. */
const patience = 15_000

/** The service that this page came from, with the token of whoever is signed in. */
export const client = createArticlesClient({ baseUrl: location.origin, token: async () => (await currentToken()).text, fetch: send })

interface Answer<Data> {
  data?: Data
  error?: unknown
  response: Response
}

/**
 * Waits for an answer, and takes what is in it.
 * @throws {Failure}
 */
export async function take<Data> (call: Promise<Answer<Data>>): Promise<Data> {
  const { data } = await settle(call)
  if (data === undefined) throw asFailure(undefined)
  return data
}

/** @throws {Failure} */
export async function takePage<Row> (call: Promise<Answer<Row[]>>): Promise<Page<Row>> {
  const { data, response } = await settle(call)
  const next = /[?&]after=(\d+)[^>]*>; *rel="next"/.exec(response.headers.get('link') ?? '')
  return { rows: data ?? [], next: next === null ? undefined : Number(next[1]) }
}

/** @throws {Failure} */
export async function settle<Data> (call: Promise<Answer<Data>>): Promise<Answer<Data>> {
  try {
    const answer = await call
    if (!answer.response.ok) throw new Refusal(answer.response.status, answer.error)
    return answer
  } catch (error) {
    throw asFailure(error)
  }
}

// A token that is refused is renewed once: this machine's clock may be wrong. A session that is refused is over.
async function send (request: Request): Promise<Response> {
  const again = request.clone()
  const first = await fetch(request, { signal: limit(request) })
  if (first.status !== 401) return first

  again.headers.set('authorization', `Bearer ${(await currentToken({ renew: true })).text}`)
  const second = await fetch(again, { signal: limit(again) })
  if (second.status === 401) await endSession('over')
  return second
}

function limit ({ signal }: Request): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(patience)])
}
