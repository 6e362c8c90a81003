import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { measureTrend } from './memory.ts'
import type { Replica } from './replica.ts'
import type { Traffic } from './traffic.ts'

/** The memory of a process is judged from this age on. */
const minJudgedSeconds = 240

/** Prints one line about the traffic since the last line. */
export function printProgress (ms: number, traffic: Traffic, responseMs: number[], replicas: Replica[]): void {
  const memory = replicas.map(({ run }) => `${run.samples.at(-1)?.usedMb.toFixed(0)} MB`).join(' and ')
  const keys = replicas.map(({ run }) => `${run.keysAgeSeconds.toFixed(0)} s`).join(' and ')
  const outcomes = Array.from(traffic.counts).sort().map(([outcome, { expected, excused, failed }]) => `${outcome} ×${expected + excused + failed}`).join(', ')
  console.log(`  ${formatTime(ms)} ${traffic.requests} requests, p50 ${percentile(responseMs, 50)}, p99 ${percentile(responseMs, 99)}; ${memory}; ` +
    `keys fetched ${keys} ago; ${outcomes}; ${traffic.failures} failures`)
}

/** Prints all outcomes, events and key fetches, and the log lines of the first failures. */
export async function printReport (traffic: Traffic, tookSeconds: number, events: Map<string, number>, replicas: Replica[]): Promise<void> {
  const { requests, responseMs, counts } = traffic
  console.log(`\n${requests} requests in ${tookSeconds.toFixed(0)} s, ${(requests / tookSeconds).toFixed(0)}/s; ` +
    `p50 ${percentile(responseMs, 50)}, p99 ${percentile(responseMs, 99)}, longest ${percentile(responseMs, 100)}`)
  console.log(`\n${'outcome'.padEnd(34)} expected excused failed`)
  for (const [outcome, { expected, excused, failed }] of Array.from(counts).sort()) {
    console.log(`${outcome.padEnd(34)} ${`${expected}`.padStart(8)} ${`${excused}`.padStart(7)} ${`${failed}`.padStart(6)}`)
  }
  console.log(`\nevents: ${Array.from(events, ([name, times]) => `${name} ×${times}`).join('; ') || 'none'}`)
  for (const { name, runs, logPath } of replicas) {
    const fetches = (outcome: string) => runs.reduce((sum, run) => sum + (run.fetches.get(outcome) ?? 0), 0)
    console.log(`${name}: ${runs.length - 1} restarts; key fetches: ${fetches('success')} good, ${fetches('failure')} failed, ${fetches('refused')} refused`)
    for (const { requestId } of traffic.shownFailures) {
      for (const line of await findLines(logPath, requestId)) console.log(`  log: ${line}`)
    }
  }
}

/** Prints the memory of each process. Growth beyond the limit is a failure. */
export function reportMemory (traffic: Traffic, replicas: Replica[], maxGrowthMb: number): void {
  console.log()
  for (const { name, runs } of replicas) {
    for (const { samples, peakMb } of runs.filter(({ samples }) => samples.length > 0)) {
      const ranSeconds = samples.at(-1)?.atSeconds ?? 0
      const { earlyMb, lateMb, growthMb, growthMbPerHour } = measureTrend(samples)
      const isJudged = ranSeconds >= minJudgedSeconds
      const growth = isJudged ? `; growth in the second half ${growthMb.toFixed(1)} MB, ${growthMbPerHour.toFixed(0)} MB an hour` : ''
      console.log(`memory of ${name}, ${formatTime(ranSeconds * 1000)}: ${earlyMb.toFixed(0)} MB after ${formatTime(Math.min(120, ranSeconds) * 1000)}, ` +
        `${lateMb.toFixed(0)} MB at the end, peak ${peakMb.toFixed(0)} MB${growth}`)
      if (isJudged && growthMb > maxGrowthMb) traffic.fail(`${name} grew by ${growthMb.toFixed(1)} MB in the second half; the limit is ${maxGrowthMb} MB`)
    }
  }
}

/** Minutes and seconds. */
export function formatTime (milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`
}

async function findLines (path: string, text: string): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line.includes(text)) lines.push(line)
  }
  return lines
}

function percentile (values: number[], percent: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))]?.toFixed(1) ?? '–'} ms`
}
