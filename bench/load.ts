// Runs wrk and reads its report.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'

export interface Load {
  port: number
  seconds: number
  connections?: number
  /** A file with one token in each line. They are used in turn. */
  tokenFile: string
  /** The line of the file to start with. */
  firstToken?: number
  method?: 'GET' | 'POST'
  path?: string
  /** The value of `If-None-Match`. */
  etag?: string
  /** Whether each request has an `Idempotency-Key` of its own. */
  hasIdempotencyKey?: boolean
}

export interface LoadReport {
  requests: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Responses that are neither 2xx nor 3xx. */
  rejected: number
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

/**
 * Sends requests over a number of connections. Each connection waits for the response before its next
 * request.
 * @throws {Error} when no request gets a response
 */
export async function runLoad (load: Load): Promise<LoadReport> {
  const { port, seconds, connections = 32 } = load
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${port}`]
  const wrk = spawn('wrk', args, { env: { ...process.env, ...variables(load) } })
  let report = ''
  wrk.stdout.on('data', chunk => { report += chunk })
  await new Promise(resolve => wrk.once('close', resolve))

  const requests = readNumber(report, /(\d+) requests in/)
  if (!(requests > 0)) throw new Error(`no request got a response: ${report}`)
  return {
    requests,
    perSecond: readNumber(report, /Requests\/sec:\s+([\d.]+)/),
    p50Ms: readPercentileMs(report, 50),
    p99Ms: readPercentileMs(report, 99),
    rejected: readNumber(report, /Non-2xx or 3xx responses: (\d+)/) || 0
  }
}

/** The variables that wrk.lua reads. */
function variables ({ tokenFile, firstToken = 0, method = 'GET', path = '/articles', etag = '', hasIdempotencyKey = false }: Load): Record<string, string> {
  return {
    BENCH_TOKEN_FILE: tokenFile,
    BENCH_FIRST_TOKEN: `${firstToken}`,
    BENCH_METHOD: method,
    BENCH_PATH: path,
    BENCH_ETAG: etag,
    BENCH_KEY_PREFIX: hasIdempotencyKey ? randomUUID() : ''
  }
}

function readNumber (report: string, pattern: RegExp): number {
  return Number(pattern.exec(report)?.[1] ?? NaN)
}

function readPercentileMs (report: string, percent: number): number {
  const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(report) ?? []
  return Number(value) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1)
}
