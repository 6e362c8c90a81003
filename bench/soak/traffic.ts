import { setTimeout as wait } from 'node:timers/promises'
import { Pool } from 'undici'
import { documentChecker, type Answer as DocumentedResponse } from '../../test/support/documented.ts'
import { pick } from './pick-random.ts'
import type { Disruptions, SentRequest } from './disruptions.ts'

export interface Token {
  text: string
  /** Its key id, or undefined when every replica must have that key. */
  kid: string | undefined
  /** In milliseconds since the epoch. */
  expiresAt: number
}

export interface SoakRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  token?: Token | undefined
  headers?: Record<string, string>
  /** A string is sent unchanged, and any other value as JSON. */
  body?: unknown
  /** The expected outcomes: a status, followed by the code of a problem. */
  expected: string[]
  /** Whether the response needs no database. */
  skipsDatabase?: boolean
}

export interface SoakResponse {
  headers: Record<string, string | string[] | undefined>
  body: unknown
  requestId: string
}

interface Count { expected: number, excused: number, failed: number }

export interface TrafficOptions {
  /** Addresses by the name of the replica. */
  replicas: { name: string, url: string }[]
  disruptions: Disruptions
  /** The OpenAPI document of the service. A response that it does not document is a failure. */
  document: Parameters<typeof documentChecker>[0]
  connections: number
}

const maxShownFailures = 10
/** More than every time limit of the service. */
const timeoutMs = 15_000

/** Sends requests to random replicas, and judges each response. */
export class Traffic {
  readonly #disruptions: Disruptions
  readonly #pools: { name: string, pool: Pool, failedAt: number }[]
  readonly #check: (answer: DocumentedResponse) => void
  readonly counts = new Map<string, Count>()
  /** The time of each response. */
  responseMs: number[] = []
  failures = 0
  /** The first failures. */
  readonly shownFailures: { text: string, requestId: string }[] = []
  onFailure: (text: string) => void = () => {}
  /** Responses are no longer judged, because the databases and the key server are stopping. */
  hasEnded = false

  constructor ({ replicas, disruptions, document, connections }: TrafficOptions) {
    this.#disruptions = disruptions
    this.#check = documentChecker(document)
    const limits = { connections: Math.ceil(connections / replicas.length), headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
    this.#pools = replicas.map(({ name, url }) => ({ name, pool: new Pool(url, limits), failedAt: -Infinity }))
  }

  get requests (): number {
    return [...this.counts.values()].reduce((sum, { expected, excused, failed }) => sum + expected + excused + failed, 0)
  }

  /**
   * Returns an expected response. For an excused or wrong outcome it returns undefined, and the service may
   * have done the work.
   */
  async send (request: SoakRequest): Promise<SoakResponse | undefined> {
    const replica = this.#chooseReplica()
    const { name, pool } = replica
    const { method = 'GET', path, token, body, expected } = request
    const sentAt = performance.now()
    const sent = { replica: name, sentAt, kid: token?.kid, expiresAt: token?.expiresAt, needsDatabase: !request.skipsDatabase, isReadiness: path === '/health/ready' }
    try {
      const response = await pool.request({
        method,
        path,
        headers: {
          'x-forwarded-for': randomAddress(),
          ...token && { authorization: `Bearer ${token.text}` },
          ...body !== undefined && { 'content-type': 'application/json' },
          ...request.headers
        },
        body: body === undefined || typeof body === 'string' ? body ?? null : JSON.stringify(body)
      })
      const text = await response.body.text()
      // A sign-out waits for the end of the second.
      if (!path.endsWith('/sign-out')) this.responseMs.push(performance.now() - sentAt)
      const { statusCode: status, headers } = response
      const contentType = headers['content-type']?.toString()
      const parsed: unknown = contentType?.includes('json') && text !== '' ? JSON.parse(text) : text
      const requestId = String(headers['x-request-id'])
      const outcome = status < 400 ? `${status}` : `${status} ${Object(parsed).code}`
      if (!this.#judge(outcome, expected, sent, `${method} ${path}`, requestId)) return undefined
      try {
        this.#check({ method, url: path, status, contentType, body: text })
      } catch (error) {
        this.fail(error instanceof Error ? error.message : `${error}`, requestId)
        return undefined
      }
      return { headers, body: parsed, requestId }
    } catch (error) {
      replica.failedAt = performance.now()
      this.#judge(connectionOutcome(error), expected, sent, `${method} ${path}`, 'none')
      // A client waits before it connects again.
      await wait(100)
      return undefined
    }
  }

  fail (failure: string, requestId = 'none'): void {
    if (this.hasEnded) return
    this.failures++
    if (this.shownFailures.length >= maxShownFailures) return
    const text = `${new Date().toISOString()} ${failure} (request ${requestId})`
    this.shownFailures.push({ text, requestId })
    this.onFailure(text)
  }

  async close (): Promise<void> {
    await Promise.all(this.#pools.map(({ pool }) => pool.destroy()))
  }

  /** Counts the outcome, and returns whether it was expected. */
  #judge (outcome: string, expected: string[], sent: SentRequest, route: string, requestId: string): boolean {
    if (this.hasEnded) return false
    const verdict = expected.includes(outcome) ? 'expected' : this.#disruptions.excuses(sent).has(outcome) ? 'excused' : 'failed'
    const count = this.counts.get(outcome) ?? { expected: 0, excused: 0, failed: 0 }
    this.counts.set(outcome, count)
    count[verdict]++
    if (verdict === 'failed') this.fail(`${route} at ${sent.replica}: ${outcome}, expected ${expected.join(' or ')}`, requestId)
    return verdict === 'expected'
  }

  /** Avoids a replica that failed a moment ago, as a load balancer does. */
  #chooseReplica () {
    const healthy = this.#pools.filter(({ failedAt }) => performance.now() - failedAt > 300)
    return pick(healthy.length === 0 ? this.#pools : healthy)
  }
}

function connectionOutcome (error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return /^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code) ? 'connection lost' : `no response: ${code}`
}

/** One of 2,000 client addresses, because the service counts requests by address. */
function randomAddress (): string {
  const number = Math.floor(Math.random() * 2_000)
  return `10.0.${number >> 8}.${number & 255}`
}
