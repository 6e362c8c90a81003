// Interleaved rounds: every server is measured once in each round, so a slow minute of the machine affects
// all of them.

import { runLoad, type Load, type LoadReport } from './load.ts'
import { median } from './median.ts'
import { readCpuUs, type Server } from './server.ts'

export interface Rounds {
  rounds: number
  /** The duration of one round. */
  seconds: number
}

/** One row of the result: a scenario, with a text and a figure for each server. */
export interface Row {
  title: string
  cells: Map<string, Cell>
}

export interface Cell {
  text: string
  /** For the chart. */
  perSecond?: number
}

interface Sample extends LoadReport {
  /** The CPU time of the server for one request. */
  cpuUs: number
}

interface ScenarioOptions {
  /** Whether a round continues in the token file after the round before, so that each token is new. */
  continuesTokens?: boolean
  /** Requests before the measurement, besides three seconds: each user has been loaded once. */
  warmUpRequests?: number
}

/** Measures requests per second, latency and CPU time of each server, as medians over the rounds. */
export async function measureLoad (
  title: string,
  servers: Server[],
  load: Omit<Load, 'port' | 'seconds'>,
  { rounds, seconds }: Rounds,
  { continuesTokens = false, warmUpRequests = 0 }: ScenarioOptions = {}
): Promise<Row> {
  const measured = servers.map(server => ({ server, samples: Array.from<Sample>([]), sentRequests: 0 }))
  for (const entry of measured) entry.sentRequests = await warmUp(entry.server, load, warmUpRequests)
  for (let round = 0; round < rounds; round++) {
    for (const entry of measured) {
      const { server, samples, sentRequests } = entry
      const cpuUsBefore = readCpuUs(server)
      const report = await runLoad({ ...load, port: server.port, seconds, firstToken: continuesTokens ? sentRequests : 0 })
      entry.sentRequests += report.requests
      samples.push({ ...report, cpuUs: (readCpuUs(server) - cpuUsBefore) / report.requests })
    }
  }
  return { title, cells: new Map(measured.map(({ server, samples }) => [server.name, describe(samples)])) }
}

async function warmUp (server: Server, load: Omit<Load, 'port' | 'seconds'>, minRequests: number): Promise<number> {
  let sent = 0
  for (let second = 0; second < 3 || sent < minRequests; second++) {
    sent += (await runLoad({ ...load, port: server.port, seconds: 1, firstToken: sent })).requests
  }
  return sent
}

function describe (samples: Sample[]): Cell {
  const medianOf = (pick: (sample: Sample) => number) => median(samples.map(pick))
  const perSecond = medianOf(sample => sample.perSecond)
  const rate = `${Math.round(perSecond).toLocaleString('en')}/s`
  const latency = `p50 ${medianOf(sample => sample.p50Ms).toFixed(2)} ms, p99 ${medianOf(sample => sample.p99Ms).toFixed(2)} ms`
  return { perSecond, text: `${rate}, ${latency}, ${medianOf(sample => sample.cpuUs).toFixed(0)} µs CPU` }
}
