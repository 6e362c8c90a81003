// npm run soak: the service under mixed load while keys rotate, the key server fails, and processes and
// databases restart. Each response must be one that the client can predict, or one that a disruption excuses.
// Memory must not grow.

import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { makeKey, UserPool } from '../test/support/user-pool.ts'
import { readOptions } from './options.ts'
import { Client } from './soak/client.ts'
import { compare } from './soak/comparison.ts'
import { Disruptions } from './soak/disruptions.ts'
import { listEvents, type Stage } from './soak/events.ts'
import { PoolUser } from './soak/pool-user.ts'
import { Replica } from './soak/replica.ts'
import { formatTime, printProgress, printReport, reportMemory } from './soak/report.ts'
import { Traffic } from './soak/traffic.ts'

const options = readOptions(`npm run soak -- [options]

  --minutes 20          the duration
  --database sqlite     the database: sqlite or postgres, which is restarted now and then
  --rate 300            requests per second of all clients together
  --clients 24          clients, each with one connection and 8 users
  --event-every 60      seconds between two events
  --memory-bound 25     megabytes by which a process may grow in the second half; judged after 4 minutes
  --help

Two processes of the service share the database. One is restarted and killed, and the other runs all the time.
Ctrl-C ends the soak with a report. The exit status is 1 after a failure.`, {
  minutes: '20',
  database: 'sqlite',
  rate: '300',
  clients: '24',
  'event-every': '60',
  'memory-bound': '25'
})
const durationMs = Number(options.minutes) * 60_000
const eventIntervalMs = Number(options['event-every']) * 1000
const keyMaxAgeSeconds = 20
const webhookSecret = 'whsec_c29ha2luZyBpcyBhIGxvbmcgYmF0aCBpbiB3YXRlcg=='

const folder = mkdtempSync(join(tmpdir(), 'soak-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
const replicas: Replica[] = []
const stopping = new AbortController()
const interrupted = new AbortController()
/** Ctrl-C stops PostgreSQL too. The comparison at the end waits for its restart. */
let postgresRestart: Promise<void> | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The listeners of embedded-postgres would end this process without a report.
  process.removeAllListeners(signal)
  process.once(signal, () => {
    interrupted.abort()
    stopping.abort()
    postgresRestart = postgres?.stop().then(() => postgres.start())
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
// An explicit status, because the exit hook of embedded-postgres would set 0.
process.exit(failures === 0 ? 0 : 1)

async function soak (): Promise<number> {
  const disruptions = new Disruptions(keyMaxAgeSeconds)
  const databaseUrl = postgres === undefined ? `sqlite:${folder}/articles.db` : `${postgres.url}/postgres`
  pool.keys.push(makeKey())
  const steady = await Replica.start({ name: 'steady', folder, environment: environment(databaseUrl) })
  const restarted = await Replica.start({ name: 'restarted', folder, environment: environment(databaseUrl) })
  replicas.push(steady, restarted)
  for (const { kid } of pool.keys) disruptions.publish(kid)

  const count = Number(options.clients)
  const document = JSON.parse(await (await fetch(`${steady.url}/openapi.json`)).text())
  const traffic = new Traffic({ replicas, disruptions, document, connections: count })
  traffic.onFailure = text => console.log(`  FAILURE ${text}`)
  interrupted.signal.addEventListener('abort', () => { traffic.hasEnded = true })
  const intervalMs = (count + 1) * 1000 / Number(options.rate)
  const clients = Array.from({ length: count }, (_, index) =>
    new Client({ name: `c${`${index}`.padStart(2, '0')}`, traffic, pool, disruptions, webhookSecret, intervalMs }))

  console.log(`${new Date().toISOString()}, ${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}, ${options.database}: ` +
    `${options.minutes} minutes, ${options.rate} requests/s, ${count} clients, an event every ${eventIntervalMs / 1000} s`)
  const startedAt = performance.now()
  const working = [...clients.map(client => client.run()), exceedRateLimit(traffic, disruptions, intervalMs), watch(traffic, startedAt)]
  const runningEvents = runEvents(traffic, { pool, disruptions, replica: restarted, postgres, outageMs: eventIntervalMs / 3, signal: stopping.signal })
  await wait(durationMs, undefined, { signal: stopping.signal }).catch(() => {})
  stopping.abort()
  // The last event ends first, so that the last requests meet no disruption.
  const events = await runningEvents
  for (const client of clients) client.stop()
  await Promise.all(working)
  const tookSeconds = (performance.now() - startedAt) / 1000
  await Promise.all(replicas.map(replica => replica.readMetrics()))
  await Promise.all(replicas.map(replica => replica.stop().catch((error: Error) => traffic.fail(error.message))))
  await traffic.close()

  await printReport(traffic, tookSeconds, events, replicas)
  reportMemory(traffic, replicas, Number(options['memory-bound']))
  await postgresRestart
  const { found, uncertain, wrong } = await compare(databaseUrl, clients)
  for (const text of wrong) traffic.fail(text)
  console.log(`\nin the database: ${found} of ${found + wrong.length} articles as they were acknowledged; ${uncertain} writes had no response`)
  if (interrupted.signal.aborted) console.log(`interrupted after ${tookSeconds.toFixed(0)} s`)
  console.log(`${traffic.failures} failures`)
  return traffic.failures
}

function environment (databaseUrl: string): Record<string, string> {
  return {
    AWS_USER_POOLS_ID: pool.id,
    AWS_APP_CLIENT_ID: pool.clientId,
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
    // The key server accepts sign-outs too, as Cognito does.
    AWS_ACCESS_KEY_ID: 'soak',
    AWS_SECRET_ACCESS_KEY: 'soak',
    AWS_EC2_METADATA_DISABLED: 'true',
    JWKS_MAX_AGE_S: `${keyMaxAgeSeconds}`,
    USER_PROVISIONING: 'auto',
    POST_CONFIRMATION_SECRET: webhookSecret,
    DATABASE_URL: databaseUrl,
    RATE_LIMIT_MAX: '300',
    TRUST_PROXY: '127.0.0.1',
    LOG_LEVEL: 'info'
  }
}

/** Sends more requests of one user than the rate limit allows. */
async function exceedRateLimit (traffic: Traffic, disruptions: Disruptions, intervalMs: number): Promise<void> {
  const user = new PoolUser(pool, disruptions, 'greedy')
  const send = (token: ReturnType<PoolUser['token']>) => traffic.send({ path: '/me', token, expected: ['200', '429 rate_limited'] })
  await send(user.newToken())
  while (!stopping.signal.aborted) {
    await wait(intervalMs)
    await send(user.token())
  }
}

/** Runs the events in turn until the soak ends. Returns how often each ran. */
async function runEvents (traffic: Traffic, stage: Stage): Promise<Map<string, number>> {
  const events = listEvents(postgres !== undefined)
  const counts = new Map<string, number>()
  const startedAt = performance.now()
  for (let n = 1; ; n++) {
    await wait(Math.max(0, startedAt + n * eventIntervalMs - performance.now()), undefined, { signal: stopping.signal }).catch(() => {})
    const event = events[(n - 1) % events.length]
    if (stopping.signal.aborted || event === undefined) return counts
    console.log(`  ${formatTime(performance.now() - startedAt)} ${event.name}`)
    await event.run(stage).catch((error: Error) => traffic.fail(`${event.name}: ${error.message}`))
    counts.set(event.name, (counts.get(event.name) ?? 0) + 1)
  }
}

/** Reads the memory each second and the metrics every 5 seconds, and prints a line each minute. */
async function watch (traffic: Traffic, startedAt: number): Promise<void> {
  let printedResponses = 0
  for (let second = 1; !stopping.signal.aborted; second++) {
    await wait(Math.max(0, startedAt + second * 1000 - performance.now()), undefined, { signal: stopping.signal }).catch(() => {})
    for (const replica of replicas) replica.sampleMemory()
    if (second % 5 === 0) await Promise.all(replicas.map(replica => replica.readMetrics()))
    if (second % 60 !== 0) continue
    printProgress(second * 1000, traffic, traffic.responseMs.slice(printedResponses), replicas)
    printedResponses = traffic.responseMs.length
  }
}
