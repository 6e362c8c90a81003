import { setTimeout as wait } from 'node:timers/promises'
import { Pool } from 'undici'
import { documentChecker, type Answer as DocumentedAnswer } from '../../test/support/documented.ts'
import { pick } from './pick.ts'
import type { Circumstances } from './circumstances.ts'

export interface Token {
  text: string
  /** The key it says it is signed with; undefined where every replica surely knows that key. */
  kid: string | undefined
  /** Milliseconds since the epoch. */
  expiresAt: number
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  token?: Token | undefined
  headers?: Record<string, string>
  /** A text is sent as it is. */
  body?: unknown
  /** The answers that are due: a status, with the code of the problem where it is one. */
  due: string[]
  /** Whether it is answered without a look at the database. */
  withoutStorage?: boolean
}

export interface Answer {
  headers: Record<string, string | string[] | undefined>
  body: unknown
  requestId: string
}

interface Count { due: number, excused: number, failed: number }

export interface TrafficOptions {
  /** Addresses by the name of the replica. */
  replicas: { name: string, url: string }[]
  circumstances: Circumstances
  /** The service's own OpenAPI document: what is not as it says there is a failure. */
  document: Parameters<typeof documentChecker>[0]
  connections: number
}

const mostShown = 10
/** Milliseconds: more than any time limit of the service's own. */
const patience = 15_000

/** Sends requests to the replicas by turns of chance, and judges each answer. */
export class Traffic {
  readonly #circumstances: Circumstances
  readonly #pools: { name: string, pool: Pool, lostAt: number }[]
  readonly #check: (answer: DocumentedAnswer) => void
  readonly counts = new Map<string, Count>()
  /** Milliseconds, of answers that came. */
  times: number[] = []
  failures = 0
  /** The first few. */
  readonly shown: { text: string, requestId: string }[] = []
  onFailure: (text: string) => void = () => {}
  /** No answer is judged any more: what it ran on is being taken away. */
  over = false

  constructor ({ replicas, circumstances, document, connections }: TrafficOptions) {
    this.#circumstances = circumstances
    this.#check = documentChecker(document)
    const limits = { connections: Math.ceil(connections / replicas.length), headersTimeout: patience, bodyTimeout: patience }
    this.#pools = replicas.map(({ name, url }) => ({ name, pool: new Pool(url, limits), lostAt: -Infinity }))
  }

  get requests (): number {
    return [...this.counts.values()].reduce((sum, { due, excused, failed }) => sum + due + excused + failed, 0)
  }

  /** The answer that is due; undefined where another came, be it excused or a failure: what was asked for may then be done or not. */
  async ask (ask: Ask): Promise<Answer | undefined> {
    const replica = this.#somewhere()
    const { name, pool } = replica
    const { method = 'GET', path, token, body, due } = ask
    const since = performance.now()
    const asked = { replica: name, since, kid: token?.kid, expiresAt: token?.expiresAt, storage: !ask.withoutStorage, readiness: path === '/health/ready' }
    try {
      const response = await pool.request({
        method,
        path,
        headers: {
          'x-forwarded-for': someAddress(),
          ...token && { authorization: `Bearer ${token.text}` },
          ...body !== undefined && { 'content-type': 'application/json' },
          ...ask.headers
        },
        body: body === undefined || typeof body === 'string' ? body ?? null : JSON.stringify(body)
      })
      const text = await response.body.text()
      // A sign-out waits for the second to be over.
      if (!path.endsWith('/sign-out')) this.times.push(performance.now() - since)
      const { statusCode: status, headers } = response
      const contentType = headers['content-type']?.toString()
      const parsed: unknown = contentType?.includes('json') && text !== '' ? JSON.parse(text) : text
      const requestId = String(headers['x-request-id'])
      const outcome = status < 400 ? `${status}` : `${status} ${Object(parsed).code}`
      if (!this.#judge(outcome, due, asked, `${method} ${path}`, requestId)) return undefined
      try {
        this.#check({ method, url: path, status, contentType, body: text })
      } catch (error) {
        this.fail(error instanceof Error ? error.message : `${error}`, requestId)
        return undefined
      }
      return { headers, body: parsed, requestId }
    } catch (error) {
      replica.lostAt = performance.now()
      this.#judge(connectionOutcome(error), due, asked, `${method} ${path}`, 'none')
      // As a client would, before it comes again.
      await wait(100)
      return undefined
    }
  }

  fail (what: string, requestId = 'none'): void {
    if (this.over) return
    this.failures++
    if (this.shown.length >= mostShown) return
    const text = `${new Date().toISOString()} ${what} (request ${requestId})`
    this.shown.push({ text, requestId })
    this.onFailure(text)
  }

  async close (): Promise<void> {
    await Promise.all(this.#pools.map(({ pool }) => pool.destroy()))
  }

  /** Whether the answer is one that is due. */
  #judge (outcome: string, due: string[], asked: Parameters<Circumstances['excuses']>[0], what: string, requestId: string): boolean {
    if (this.over) return false
    const verdict = due.includes(outcome) ? 'due' : this.#circumstances.excuses(asked).has(outcome) ? 'excused' : 'failed'
    const count = this.counts.get(outcome) ?? { due: 0, excused: 0, failed: 0 }
    this.counts.set(outcome, count)
    count[verdict]++
    if (verdict === 'failed') this.fail(`${what} at ${asked.replica}: ${outcome}, and ${due.join(' or ')} was due`, requestId)
    return verdict === 'due'
  }

  /** A replica; one that could not be reached a moment ago only where there is no other, as a load balancer does it. */
  #somewhere () {
    const reached = this.#pools.filter(({ lostAt }) => performance.now() - lostAt > 300)
    return pick(reached.length === 0 ? this.#pools : reached)
  }
}

function connectionOutcome (error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return /^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code) ? 'connection lost' : `no answer: ${code}`
}

/** Clients come from many addresses, and the service counts for each. */
function someAddress (): string {
  const number = Math.floor(Math.random() * 2_000)
  return `10.0.${number >> 8}.${number & 255}`
}
