// npm run bench -- [--seconds 3] [--rounds 5] [--scenario NAME]: this service beside bare node:http, bare Fastify and the
// straightforward version of the same stack, in interleaved rounds of one run, medians of each. Needs wrk (apt-get install wrk).

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import BetterSqlite3 from 'better-sqlite3'
import { freePort } from '../test/embedded-postgres.ts'
import { makeKey, UserPool } from '../test/user-pool.ts'

const { values: { seconds, rounds, scenario: only } } = parseArgs({ options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '5' }, scenario: { type: 'string' } } })
if (spawnSync('wrk', ['--version']).error) {
  console.error('The benchmark needs wrk: apt-get install wrk')
  process.exit(1)
}

interface Running { name: string, port: number, child: ChildProcess, startMs: number }
interface Sample { rate: number, p50: number, p99: number, cpu: number }
interface Scenario { name: string, servers: string[], connections: number, tokens: string, environment?: Record<string, string> }

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const pool = await UserPool.start()
const running: Running[] = []
try {
  const service = await start('this service', 'src/server.ts', { DATABASE_URL: `sqlite:${folder}/articles.db` })
  const list = await fill(service)
  const environment = { BENCH_LIST: list.path, BENCH_DATABASE: `${folder}/other.db`, BENCH_ISSUER: pool.issuer, BENCH_CLIENT: pool.clientId }
  spawnSync('cp', [`${folder}/articles.db`, `${folder}/other.db`])
  await start('bare node:http', 'bench/servers/bare-http.ts', environment)
  await start('bare Fastify', 'bench/servers/bare-fastify.ts', environment)
  await start('straightforward', 'bench/servers/straightforward.ts', environment)

  const all = ['bare node:http', 'bare Fastify', 'straightforward', 'this service']
  const scenarios: Scenario[] = [
    { name: 'list, one token', servers: all, connections: 32, tokens: tokens('one', 1) },
    { name: 'list, 5,000 tokens', servers: all, connections: 32, tokens: tokens('many', 5_000) },
    { name: 'list, each token new', servers: ['straightforward', 'this service'], connections: 32, tokens: tokens('new', 60_000) },
    { name: 'bad signature', servers: ['straightforward', 'this service'], connections: 32, tokens: tokens('bad', 5_000, true) },
    { name: '304', servers: ['bare Fastify', 'this service'], connections: 32, tokens: tokens('one', 1), environment: { BENCH_TAG: list.tag } },
    { name: 'durable create', servers: ['straightforward', 'this service'], connections: 32, tokens: tokens('one', 1), environment: { BENCH_METHOD: 'POST' } }
  ]
  console.log(`${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores, Node ${process.version}, ${rounds} rounds of ${seconds} s each, medians\n`)
  for (const { name } of running) console.log(`started in ${running.find(server => server.name === name)?.startMs.toFixed(0)} ms: ${name}`)
  for (const scenario of scenarios.filter(({ name }) => only === undefined || name === only)) await measure(scenario)
  for (const { name, child } of running) console.log(`peak memory ${(peakMemory(child) / 1024).toFixed(0)} MB: ${name}`)
} finally {
  for (const { child } of running) child.kill()
  await pool.close()
  rmSync(folder, { recursive: true })
}

async function start (name: string, script: string, environment: Record<string, string>): Promise<Running> {
  const port = await freePort()
  const log = openSync(join(folder, `${name}.log`), 'w')
  const begun = performance.now()
  const child = spawn(process.execPath, [script], {
    stdio: ['ignore', log, log],
    env: { ...process.env, NODE_ENV: 'production', PORT: `${port}`, AWS_USER_POOLS_ID: pool.id, AWS_APP_CLIENT_ID: pool.clientId, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint, USER_PROVISIONING: 'auto', RATE_LIMIT_MAX: '1000000000', ...environment }
  })
  while (!(await fetch(`http://127.0.0.1:${port}/articles`).then(() => true, () => false))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${readFileSync(join(folder, `${name}.log`))}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  const server = { name, port, child, startMs: performance.now() - begun }
  running.push(server)
  return server
}

/** Fifty articles, and the bytes and the tag of their list. */
async function fill ({ port }: Running): Promise<{ path: string, tag: string }> {
  const headers = { authorization: `Bearer ${pool.idToken()}`, 'content-type': 'application/json' }
  for (let n = 1; n <= 50; n++) await fetch(`http://127.0.0.1:${port}/articles`, { method: 'POST', headers, body: JSON.stringify({ name: `Article number ${n}` }) })
  const response = await fetch(`http://127.0.0.1:${port}/articles`, { headers })
  const path = join(folder, 'list.json')
  writeFileSync(path, await response.text())
  const file = new BetterSqlite3(`${folder}/articles.db`)
  file.pragma('wal_checkpoint(TRUNCATE)')
  file.close()
  return { path, tag: response.headers.get('etag') ?? '' }
}

function tokens (name: string, count: number, bad = false): string {
  const path = join(folder, `${name}.tokens`)
  const key = bad ? { ...makeKey(), kid: pool.key.kid } : pool.key
  writeFileSync(path, Array.from({ length: count }, () => pool.idToken({}, key)).join('\n'))
  return path
}

async function measure ({ name, servers, connections, tokens, environment = {} }: Scenario): Promise<void> {
  const samples = new Map(servers.map(server => [server, Array.from<Sample>([])]))
  for (let round = 0; round < Number(rounds); round++) {
    for (const server of running.filter(({ name }) => servers.includes(name))) {
      const before = cpuTime(server.child)
      const { requests, ...sample } = load(server.port, connections, { BENCH_TOKENS: tokens, ...environment })
      samples.get(server.name)?.push({ ...sample, cpu: (cpuTime(server.child) - before) / requests })
    }
  }
  console.log(`\n${name}`)
  const reference = median(samples.get(servers.find(server => server !== 'bare node:http') ?? '')?.map(({ rate }) => rate) ?? [])
  for (const [server, taken] of samples) {
    const of = (pick: (sample: Sample) => number) => median(taken.map(pick))
    console.log(`  ${server.padEnd(16)} ${of(s => s.rate).toFixed(0).padStart(7)}/s  ${(of(s => s.rate) / reference).toFixed(2).padStart(5)}×  ${of(s => s.cpu).toFixed(0).padStart(5)} µs CPU  p50 ${of(s => s.p50).toFixed(2)} ms  p99 ${of(s => s.p99).toFixed(2)} ms`)
  }
}

function load (port: number, connections: number, environment: Record<string, string>) {
  const { stdout } = spawnSync('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', 'bench/wrk.lua', `http://127.0.0.1:${port}`], { encoding: 'utf8', env: { ...process.env, ...environment } })
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? NaN)
  const time = (percent: number) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? []
    return Number(value) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1)
  }
  return { rate: number(/Requests\/sec:\s+([\d.]+)/), requests: number(/(\d+) requests in/), p50: time(50), p99: time(99) }
}

/** User and system time of a process so far, in microseconds. */
function cpuTime ({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** In kilobytes. */
function peakMemory ({ pid }: ChildProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

function median (values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}
