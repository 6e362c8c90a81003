// npm run soak: the service for a while under mixed load, while keys rotate, the key server is out, processes are restarted or
// killed, and, on PostgreSQL, the database goes away. Every answer is held against what its client knows, and memory has to be flat.

import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { makeKey, UserPool } from '../test/support/user-pool.ts'
import { readOptions } from './options.ts'
import { Circumstances } from './soak/circumstances.ts'
import { Client } from './soak/client.ts'
import { compare } from './soak/comparison.ts'
import { listEvents, type Stage } from './soak/events.ts'
import { judgeMemory } from './soak/memory.ts'
import { Person } from './soak/people.ts'
import { Replica } from './soak/replica.ts'
import { Traffic } from './soak/traffic.ts'

const options = readOptions(`npm run soak -- [options]

  --minutes 20            how long
  --database sqlite       or postgres: one of its own, restarted now and then
  --rate 300              requests a second, over all clients
  --clients 24            clients, each with a connection and 8 people
  --event-every 60        seconds from one event to the next
  --memory-bound 25       by how many megabytes a process may grow over the second half; judged from 4 minutes on
  --help

Two processes of the service share the database; one of them is restarted and killed, the other lives as long as the soak.
Ctrl-C ends it with the report so far. The exit status is 1 where anything failed.`, {
  minutes: '20',
  database: 'sqlite',
  rate: '300',
  clients: '24',
  'event-every': '60',
  'memory-bound': '25'
})
const seconds = Number(options.minutes) * 60
const eventEvery = Number(options['event-every']) * 1000
const memoryBound = Number(options['memory-bound'])
/** Seconds that a process has to live for its memory to be judged. */
const shortestJudged = 240
const keyMaxAge = 20
const webhookSecret = 'whsec_c29ha2luZyBpcyBhIGxvbmcgYmF0aCBpbiB3YXRlcg=='

const folder = mkdtempSync(join(tmpdir(), 'soak-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
const replicas: Replica[] = []
const stopping = new AbortController()
const interrupted = new AbortController()
/** Where Ctrl-C reached PostgreSQL too: once it is back, for the comparison. */
let revived: Promise<void> | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // embedded-postgres would end this process, without a report.
  process.removeAllListeners(signal)
  process.once(signal, () => {
    interrupted.abort()
    stopping.abort()
    revived = postgres?.stop().then(() => postgres.start())
    process.on(signal, () => {})
  })
}

let failures = 1
try {
  failures = await soak()
} finally {
  await Promise.all(replicas.map(replica => replica.stop('SIGKILL')))
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}
// Said outright: what embedded-postgres does at the end of the process would say 0.
process.exit(failures === 0 ? 0 : 1)

async function soak (): Promise<number> {
  const circumstances = new Circumstances(keyMaxAge)
  const databaseUrl = postgres === undefined ? `sqlite:${folder}/articles.db` : `${postgres.url}/postgres`
  pool.keys.push(makeKey())
  for (const name of ['steady', 'restarted']) replicas.push(await Replica.start({ name, folder, environment: environment(databaseUrl) }))
  const [steady, restarted] = replicas
  if (steady === undefined || restarted === undefined) throw new Error('two replicas were to be started')
  for (const { kid } of pool.keys) circumstances.publish(kid)

  const count = Number(options.clients)
  const document = JSON.parse(await (await fetch(`${steady.url}/openapi.json`)).text())
  const traffic = new Traffic({ replicas, circumstances, document, connections: count })
  traffic.onFailure = text => console.log(`  FAILURE ${text}`)
  interrupted.signal.addEventListener('abort', () => { traffic.over = true })
  const pace = (count + 1) * 1000 / Number(options.rate)
  const clients = Array.from({ length: count }, (_, index) => new Client({ name: `c${`${index}`.padStart(2, '0')}`, traffic, pool, circumstances, webhookSecret, pace }))

  console.log(`${new Date().toISOString()}, ${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}, ${options.database}: ${options.minutes} minutes, ${options.rate} requests/s, ${count} clients, an event every ${eventEvery / 1000} s`)
  const begun = performance.now()
  const working = [...clients.map(client => client.run()), beGreedy(traffic, circumstances, pace)]
  const watching = watch(traffic, begun)
  const happening = happen(traffic, { pool, circumstances, replica: restarted, postgres, outage: eventEvery / 3, signal: stopping.signal })
  await wait(seconds * 1000, undefined, { signal: stopping.signal }).catch(() => {})
  stopping.abort()
  // What has been begun is ended, so that the last requests find everything in its place.
  const events = await happening
  for (const client of clients) client.stop()
  await Promise.all([...working, watching])
  const took = (performance.now() - begun) / 1000
  await Promise.all(replicas.map(replica => replica.readMetrics()))
  await Promise.all(replicas.map(replica => replica.stop().catch((error: Error) => traffic.fail(error.message))))
  await traffic.close()

  await report(traffic, took, events)
  reportMemory(traffic)
  await revived
  const { found, doubtful, wrong } = await compare(databaseUrl, clients)
  for (const text of wrong) traffic.fail(text)
  console.log(`\nin the database: ${found} of ${found + wrong.length} articles as they were acknowledged; of ${doubtful} writes the answer was lost`)
  if (interrupted.signal.aborted) console.log(`interrupted after ${took.toFixed(0)} s`)
  console.log(`${traffic.failures} failures`)
  return traffic.failures
}

function environment (databaseUrl: string): Record<string, string> {
  return {
    AWS_USER_POOLS_ID: pool.id,
    AWS_APP_CLIENT_ID: pool.clientId,
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
    // The key server takes sign-outs too, as Cognito does.
    AWS_ACCESS_KEY_ID: 'soak',
    AWS_SECRET_ACCESS_KEY: 'soak',
    AWS_EC2_METADATA_DISABLED: 'true',
    JWKS_MAX_AGE_S: `${keyMaxAge}`,
    USER_PROVISIONING: 'auto',
    POST_CONFIRMATION_SECRET: webhookSecret,
    DATABASE_URL: databaseUrl,
    RATE_LIMIT_MAX: '300',
    TRUST_PROXY: '127.0.0.1',
    LOG_LEVEL: 'info'
  }
}

/** Somebody who asks for more than the limit allows. */
async function beGreedy (traffic: Traffic, circumstances: Circumstances, pace: number): Promise<void> {
  const greedy = new Person(pool, circumstances, 'greedy')
  const ask = (newToken: boolean) => traffic.ask({ path: '/me', token: newToken ? greedy.newToken() : greedy.token(), due: ['200', '429 rate_limited'] })
  await ask(true)
  while (!stopping.signal.aborted) {
    await wait(pace)
    await ask(false)
  }
}

/** The events in turn, until the soak ends; how often each was. */
async function happen (traffic: Traffic, stage: Stage): Promise<Map<string, number>> {
  const events = listEvents(postgres !== undefined)
  const happened = new Map<string, number>()
  const begun = performance.now()
  for (let n = 1; ; n++) {
    const next = begun + n * eventEvery
    await wait(Math.max(0, next - performance.now()), undefined, { signal: stopping.signal }).catch(() => {})
    const event = events[(n - 1) % events.length]
    if (stopping.signal.aborted || event === undefined) return happened
    console.log(`  ${time(performance.now() - begun)} ${event.name}`)
    await event.run(stage).catch((error: Error) => traffic.fail(`${event.name}: ${error.message}`))
    happened.set(event.name, (happened.get(event.name) ?? 0) + 1)
  }
}

/** Samples memory each second, reads metrics now and then, and tells each minute how it stands. */
async function watch (traffic: Traffic, begun: number): Promise<void> {
  let before = 0
  for (let second = 1; !stopping.signal.aborted; second++) {
    await wait(Math.max(0, begun + second * 1000 - performance.now()), undefined, { signal: stopping.signal }).catch(() => {})
    for (const replica of replicas) replica.sampleMemory()
    if (second % 5 === 0) await Promise.all(replicas.map(replica => replica.readMetrics()))
    if (second % 60 !== 0) continue
    const times = traffic.times.slice(before)
    before = traffic.times.length
    const memory = replicas.map(({ life }) => `${life.samples.at(-1)?.held.toFixed(0)} MB`).join(' and ')
    const keys = replicas.map(({ life }) => `${life.keysAge.toFixed(0)} s`).join(' and ')
    console.log(`  ${time(second * 1000)} ${traffic.requests} requests, p50 ${percentile(times, 50)}, p99 ${percentile(times, 99)}; ${memory}; keys of ${keys} ago; ${byOutcome(traffic)}; ${traffic.failures} failures`)
  }
}

function byOutcome ({ counts }: Traffic): string {
  return Array.from(counts).sort().map(([outcome, { due, excused, failed }]) => `${outcome} ×${due + excused + failed}`).join(', ')
}

async function report (traffic: Traffic, took: number, events: Map<string, number>): Promise<void> {
  console.log(`\n${traffic.requests} requests in ${took.toFixed(0)} s, ${(traffic.requests / took).toFixed(0)}/s; p50 ${percentile(traffic.times, 50)}, p99 ${percentile(traffic.times, 99)}, longest ${percentile(traffic.times, 100)}`)
  console.log(`\n${'answer'.padEnd(34)}    due  excused  failed`)
  for (const [outcome, { due, excused, failed }] of Array.from(traffic.counts).sort()) {
    console.log(`${outcome.padEnd(34)} ${`${due}`.padStart(6)}  ${`${excused}`.padStart(7)}  ${`${failed}`.padStart(6)}`)
  }
  console.log(`\nevents: ${Array.from(events, ([name, times]) => `${name} ×${times}`).join('; ') || 'none'}`)
  for (const { name, lives, log } of replicas) {
    const fetches = (outcome: string) => lives.reduce((sum, life) => sum + (life.fetches.get(outcome) ?? 0), 0)
    console.log(`${name}: ${lives.length - 1} restarts; key fetches: ${fetches('success')} good, ${fetches('failure')} failed, ${fetches('refused')} refused`)
    for (const { requestId } of traffic.shown) {
      for (const line of await linesOf(log, requestId)) console.log(`  log: ${line}`)
    }
  }
}

function reportMemory (traffic: Traffic): void {
  console.log()
  for (const { name, lives } of replicas) {
    for (const { samples, peak } of lives.filter(({ samples }) => samples.length > 0)) {
      const lived = samples.at(-1)?.at ?? 0
      const { begin, end, growth, slope } = judgeMemory(samples)
      const judged = lived >= shortestJudged
      console.log(`memory of ${name}, ${time(lived * 1000)}: ${begin.toFixed(0)} MB after ${time(Math.min(120, lived) * 1000)}, ${end.toFixed(0)} MB at the end, ${peak.toFixed(0)} MB at its peak${judged ? `; in the second half ${growth.toFixed(1)} MB more, ${slope.toFixed(0)} MB an hour` : ''}`)
      if (judged && growth > memoryBound) traffic.fail(`${name} grew by ${growth.toFixed(1)} MB in the second half; ${memoryBound} is the bound`)
    }
  }
}

async function linesOf (log: string, requestId: string): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input: createReadStream(log) })) {
    if (line.includes(requestId)) lines.push(line)
  }
  return lines
}

function percentile (times: number[], percent: number): string {
  const sorted = times.toSorted((a, b) => a - b)
  return `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))]?.toFixed(1) ?? '–'} ms`
}

/** Minutes and seconds. */
function time (milliseconds: number): string {
  const whole = Math.round(milliseconds / 1000)
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, '0')}`
}
