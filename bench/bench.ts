// npm run bench: this service beside bare node:http, bare Fastify, the straightforward version of the same stack, and Express
// with aws-jwt-verify.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { makeKey, publicJwk, UserPool } from '../test/support/user-pool.ts'
import { writeFifty } from './fifty.ts'
import { load, type Load, type Report } from './load.ts'
import { median } from './median.ts'
import { readOptions } from './options.ts'
import { cpuTime, memory, startServer, stopServer, type Server } from './server.ts'
import { timeTokenCheck } from './token-check.ts'

const options = readOptions(`npm run bench -- [options]

  --seconds 3             of each round
  --rounds 5              interleaved; what is printed are their medians
  --only NAME             the scenarios with NAME in their titles; memory sends a million requests with 100,000 tokens
  --database sqlite       or postgres: one of its own, with two replicas of the service
  --help

It needs wrk (apt-get install wrk), some minutes and, for a quiet result, a machine that does nothing else.`, {
  seconds: '3',
  rounds: '5',
  only: '',
  database: 'sqlite'
})
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)
if (spawnSync('wrk', ['--version']).error) {
  console.error('The benchmark needs wrk: apt-get install wrk')
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
const servers: Server[] = []
try {
  await run()
} finally {
  await Promise.all(servers.map(server => stopServer(server)))
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}
process.exit()

async function run (): Promise<void> {
  const cognito = { AWS_USER_POOLS_ID: pool.id, AWS_APP_CLIENT_ID: pool.clientId, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint, COGNITO_ALLOW_HTTP: 'true' }
  const service = { ...cognito, USER_PROVISIONING: 'auto', RATE_LIMIT_MAX: '1000000000', DATABASE_URL: postgres ? `${postgres.url}/postgres` : `sqlite:${folder}/articles.db` }
  const begin = async (name: string, script: string, environment: Record<string, string>) => {
    servers.push(await startServer(name, script, folder, environment))
  }
  await begin('this service', 'src/server.ts', service)
  if (postgres) await begin('a second replica', 'src/server.ts', service)
  const list = await writeFifty(named('this service').port, pool.idToken(), folder)
  const beside = { BENCH_LIST: list.path, BENCH_DATABASE: `${folder}/other.db`, BENCH_ISSUER: pool.issuer, BENCH_CLIENT: pool.clientId, BENCH_KEYS: JSON.stringify({ keys: pool.keys.map(publicJwk) }) }
  await begin('bare node:http', 'bench/servers/bare-http.ts', beside)
  await begin('bare Fastify', 'bench/servers/bare-fastify.ts', beside)
  await begin('its own 304', 'bench/servers/bare-fastify.ts', { ...beside, BENCH_TAG: list.tag })
  if (!postgres) {
    copyDatabase()
    await begin('straightforward', 'bench/servers/straightforward.ts', beside)
    await begin('Express', 'bench/servers/express.ts', beside)
  }

  console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}, ${options.database}; ${rounds} rounds of ${seconds} s each, 32 connections, medians`)
  const check = await timeTokenCheck(pool)
  console.log(`a new token: ${check.guard.toFixed(1)} µs to check, ${(check.guard / check.verify).toFixed(2)}× crypto.verify alone (${check.verify.toFixed(1)} µs)\n`)
  await starts('this service', 'src/server.ts', { ...service, DATABASE_URL: `sqlite:${folder}/start.db` })
  await starts('bare Fastify', 'bench/servers/bare-fastify.ts', beside)

  const rivals = postgres ? ['this service', 'a second replica'] : ['straightforward', 'Express', 'this service']
  const one = tokens('one', 1)
  await measure('list of 50, one token', ['bare node:http', 'bare Fastify', ...rivals], { tokens: one })
  await measure('list of 50, 5,000 tokens of as many users', ['bare Fastify', ...rivals], { tokens: tokens('many', 5_000, { users: 5_000 }) }, { warmUp: 20_000 })
  await measure('list of 50, each token new', ['bare Fastify', ...rivals], { tokens: tokens('new', 60_000) }, { goOn: true })
  await measure('a bad signature', ['bare Fastify', ...rivals], { tokens: tokens('bad', 20_000, { bad: true }) }, { goOn: true })
  // Beside bare Fastify's list, and what is faster still: the same without a body.
  await measure('304', ['bare Fastify', 'its own 304', 'this service'], { tokens: one, tag: list.tag })
  await measure('durable create', rivals, { tokens: one, method: 'POST' })
  // Those beside it pay no attention to the key.
  await measure('durable create with an Idempotency-Key', rivals, { tokens: one, method: 'POST', keyed: true })
  await flood(one)
  await remember()

  console.log()
  for (const server of servers) {
    const { now, peak } = memory(server)
    console.log(`memory ${now.toFixed(0).padStart(4)} MB, at its peak ${peak.toFixed(0).padStart(4)} MB  ${server.name}`)
  }
}

/** How long it takes from the start of a process to its first answer, several times. */
async function starts (name: string, script: string, environment: Record<string, string>): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const server = await startServer('start', script, folder, environment)
    times.push(server.start)
    await stopServer(server)
  }
  console.log(`first answer after ${median(times).toFixed(0).padStart(4)} ms  ${name}`)
}

/** What a process holds after so many requests with so many tokens, and whether it goes on growing. */
async function remember (): Promise<void> {
  const title = 'memory'
  if (options.only !== title) return
  const server = named('this service')
  const many = tokens('hundred-thousand', 100_000)
  for (let sent = 0; sent < 1_000_000;) {
    sent += (await load({ port: server.port, seconds: 10, tokens: many, from: sent })).requests
    const { now, peak } = memory(server)
    console.log(`${sent.toString().padStart(9)} requests: ${now.toFixed(0)} MB, at its peak ${peak.toFixed(0)} MB`)
  }
}

/** What the service has written, for those beside it. */
function copyDatabase (): void {
  const file = new BetterSqlite3(`${folder}/articles.db`)
  file.pragma('wal_checkpoint(TRUNCATE)')
  file.close()
  copyFileSync(`${folder}/articles.db`, `${folder}/other.db`)
}

/** A file of tokens, of one user or of several in turn. */
function tokens (name: string, count: number, { bad = false, users = 1 } = {}): string {
  const path = join(folder, `${name}.tokens`)
  const key = bad ? makeKey(pool.key.kid) : pool.key
  const claims = (user: number) => users === 1 ? {} : { sub: `user-${user}`, 'cognito:username': `user-${user}`, email: `user-${user}@example.com` }
  writeFileSync(path, Array.from({ length: count }, (_, n) => pool.idToken(claims(n % users), key)).join('\n'))
  return path
}

/**
 * @param options.goOn whether a round goes on in the file of tokens where the one before has ended, so that each is new
 * @param options.warmUp how many requests, at least, before anything counts, besides three seconds: until all is compiled, and every user has been there
 */
async function measure (title: string, names: string[], what: Omit<Load, 'port' | 'seconds'>, { goOn = false, warmUp = 0 } = {}): Promise<void> {
  if (!title.includes(options.only)) return
  const samples = new Map(names.map(name => [name, Array.from<Report & { cpu: number }>([])]))
  const sent = new Map<string, number>()
  for (const name of names) {
    let warm = 0
    for (let second = 0; second < 3 || warm < warmUp; second++) warm += (await load({ ...what, port: named(name).port, seconds: 1, from: warm })).requests
    sent.set(name, warm)
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const server = named(name)
      const before = cpuTime(server)
      const report = await load({ ...what, port: server.port, seconds, from: goOn ? sent.get(name) ?? 0 : 0 })
      sent.set(name, (sent.get(name) ?? 0) + report.requests)
      samples.get(name)?.push({ ...report, cpu: (cpuTime(server) - before) / report.requests })
    }
  }
  console.log(`\n${title}`)
  const reference = median(samples.get(names.includes('bare Fastify') ? 'bare Fastify' : names[0] ?? '')?.map(({ rate }) => rate) ?? [])
  for (const [name, taken] of samples) {
    const of = (pick: (sample: Report & { cpu: number }) => number) => median(taken.map(pick))
    const refused = taken.reduce((sum, sample) => sum + sample.refused, 0)
    console.log(`  ${name.padEnd(16)} ${of(s => s.rate).toFixed(0).padStart(7)}/s  ${(of(s => s.rate) / reference).toFixed(2).padStart(5)}×  ${of(s => s.cpu).toFixed(1).padStart(6)} µs CPU  p50 ${of(s => s.p50).toFixed(2)} ms  p99 ${of(s => s.p99).toFixed(2)} ms${refused > 0 ? `  (${refused} refused)` : ''}`)
  }
}

/**
 * What a flood of forged tokens does to those who ask for the list meanwhile: over as many connections as the flood, and to
 * somebody alone, who asks one thing after the other. And what it does where it costs next to nothing, to bare Fastify.
 */
async function flood (one: string): Promise<void> {
  const title = 'a flood of forged tokens'
  if (!title.includes(options.only)) return
  const forged = tokens('forged', 10_000, { bad: true })
  const names = ['bare Fastify', 'this service']
  for (const name of names) await load({ port: named(name).port, seconds, tokens: forged })
  for (const connections of [32, 1]) {
    const samples = new Map(names.map(name => [name, Array.from<{ quiet: number, flooded: number }>([])]))
    for (let round = 0; round < rounds; round++) {
      for (const name of names) samples.get(name)?.push(await floodOnce({ port: named(name).port, seconds, connections, tokens: one }, forged))
    }
    console.log(`\n${title}: p99 of good requests over ${connections === 1 ? '1 connection' : `${connections} connections`}`)
    for (const [name, taken] of samples) {
      const [quiet, flooded] = [median(taken.map(s => s.quiet)), median(taken.map(s => s.flooded))]
      console.log(`  ${name.padEnd(16)} ${quiet.toFixed(2)} ms without, ${flooded.toFixed(2)} ms within  ${(flooded / quiet).toFixed(2)}×`)
    }
  }
}

/** p99 of good requests without and within a flood, in milliseconds. */
async function floodOnce (good: Load, forged: string): Promise<{ quiet: number, flooded: number }> {
  const quiet = await load(good)
  const [flooded] = await Promise.all([load(good), load({ port: good.port, seconds, tokens: forged })])
  return { quiet: quiet.p99, flooded: flooded.p99 }
}

function named (name: string): Server {
  const server = servers.find(server => server.name === name)
  if (server === undefined) throw new Error(`no server is named ${name}`)
  return server
}
