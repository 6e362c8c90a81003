// wrk, and what it reports.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'

export interface Load {
  port: number
  seconds: number
  connections?: number
  /** A file of tokens, a line each, used in turn. */
  tokens: string
  method?: 'GET' | 'POST'
  path?: string
  /** For `If-None-Match`. */
  tag?: string
  /** Whether each request has an `Idempotency-Key` that no other one had. */
  keyed?: boolean
  /** Where in the file of tokens to begin. */
  from?: number
}

export interface Report {
  requests: number
  /** Requests a second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Answers that are neither 2xx nor 3xx. */
  refused: number
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

/**
 * Sends as many requests as are answered, over so many connections.
 * @throws where none is
 */
export async function load ({ port, seconds, connections = 32, tokens, method = 'GET', path = '/articles', tag = '', keyed = false, from = 0 }: Load): Promise<Report> {
  const environment = { BENCH_TOKENS: tokens, BENCH_METHOD: method, BENCH_PATH: path, BENCH_TAG: tag, BENCH_KEYS_FROM: keyed ? randomUUID() : '', BENCH_FROM: `${from}` }
  const wrk = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${port}`], { env: { ...process.env, ...environment } })
  let report = ''
  wrk.stdout.on('data', chunk => { report += chunk })
  await new Promise(resolve => wrk.once('close', resolve))

  const number = (pattern: RegExp) => Number(pattern.exec(report)?.[1] ?? NaN)
  const time = (percent: number) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(report) ?? []
    return Number(value) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1)
  }
  const requests = number(/(\d+) requests in/)
  if (!(requests > 0)) throw new Error(`no request was answered: ${report}`)
  return {
    requests,
    rate: number(/Requests\/sec:\s+([\d.]+)/),
    p50: time(50),
    p99: time(99),
    refused: number(/Non-2xx or 3xx responses: (\d+)/) || 0
  }
}
