// npm run bench: this service beside bare Fastify, Express, and the straightforward version
// of the same stack.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { UserPool } from '../test/support/user-pool.ts'
import { measureFlood } from './flood.ts'
import { measureLoad, type Row } from './measure.ts'
import { median } from './median.ts'
import { printMemoryGrowth } from './memory-growth.ts'
import { readOptions } from './options.ts'
import { describeRun, printRow, writeReport } from './report.ts'
import { readMemory, startServer, stopServer, type Server } from './server.ts'
import { bareEnvironment, names, serviceEnvironment, startServers } from './start-servers.ts'
import { measureTokenCheck } from './token-check.ts'
import { writeTokenFile } from './token-file.ts'

const options = readOptions(`npm run bench -- [options]

  --rounds 5      the number of interleaved rounds; each figure is the median of its rounds
  --seconds 3     the duration of a round
  --only NAME     only the scenarios with NAME in their titles; "memory" sends a million requests with 100,000 tokens
  --help

It needs wrk (apt-get install wrk), about 20 minutes, and a machine that does nothing else.
A run of all scenarios writes docs/benchmarks.md, docs/benchmarks.svg and the figures in README.md.`, { rounds: '5', seconds: '3', only: '' })
const rounds = { rounds: Number(options.rounds), seconds: Number(options.seconds) }
if (spawnSync('wrk', ['--version']).error) {
  console.error('The benchmark needs wrk: apt-get install wrk')
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const pool = await UserPool.start()
const postgres = await startPostgres()
const servers: Server[] = []
try {
  await run()
} finally {
  await Promise.all(servers.map(server => stopServer(server)))
  await postgres.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}
process.exit()

async function run (): Promise<void> {
  const list = await startServers({ pool, folder, postgresUrl: `${postgres.url}/postgres` }, servers)
  if (options.only === 'memory') return printMemoryGrowth(server(names.service), writeTokenFile(pool, folder, 100_000))

  const about = describeRun(rounds)
  console.log(about.join('\n'))
  const rows: Row[] = []
  const add = async (title: string, measure: () => Promise<Row>) => {
    if (!title.includes(options.only)) return
    const row = await measure()
    rows.push(row)
    printRow(row)
  }
  const load = (title: string, names: string[], ...[load, scenario]: [Parameters<typeof measureLoad>[2], Parameters<typeof measureLoad>[4]?]) =>
    add(title, () => measureLoad(title, names.map(server), load, rounds, scenario))

  const services = [names.service, names.servicePostgres]
  const stacks = [...services, names.straightforward, names.express]
  const one = writeTokenFile(pool, folder, 1)
  await load('list of 50, one token', [...stacks, names.bareFastify], { tokenFile: one })
  await load('list of 50, 5,000 users', [...stacks, names.bareFastify], { tokenFile: writeTokenFile(pool, folder, 5_000, { users: 5_000 }) }, { warmUpRequests: 20_000 })
  await load('list of 50, each token new', [...stacks, names.bareFastify], { tokenFile: writeTokenFile(pool, folder, 60_000) }, { continuesTokens: true })
  await load('forged token rejected', [...stacks, names.bareFastify], { tokenFile: writeTokenFile(pool, folder, 20_000, { isForged: true }) }, { continuesTokens: true })
  await load('304 for the list', [...services, names.bareFastify], { tokenFile: one, etag: list.etag })
  await load('create, durable', stacks, { tokenFile: one, method: 'POST' })
  await load('create, durable, 1 connection', stacks, { tokenFile: one, method: 'POST', connections: 1 })
  // The other servers ignore the key.
  await load('create, durable, with an Idempotency-Key', stacks, { tokenFile: one, method: 'POST', hasIdempotencyKey: true })
  const forged = writeTokenFile(pool, folder, 10_000, { isForged: true })
  for (const connections of [32, 1]) {
    const flooded = [...services, names.bareFastify].map(server)
    await add('flood of forged tokens', () => measureFlood(flooded, one, forged, connections, rounds))
  }
  await add('check of a new token', measureTokenChecks)
  await add('memory after all scenarios', async () => memoryRow())
  await add('start to the first response', async () => startRow(bareEnvironment(list)))

  if (options.only === '') writeReport(about, rows)
}

async function measureTokenChecks (): Promise<Row> {
  const { verifyUs, guardUs } = await measureTokenCheck(pool)
  const text = `${guardUs.toFixed(0)} µs, of which crypto.verify is ${verifyUs.toFixed(0)} µs`
  return { title: 'check of a new token', cells: new Map([[names.service, { text }]]) }
}

function memoryRow (): Row {
  const describe = (server: Server) => {
    const { nowMb, peakMb } = readMemory(server)
    return { text: `${nowMb.toFixed(0)} MB, peak ${peakMb.toFixed(0)} MB` }
  }
  return { title: 'memory after all scenarios', cells: new Map(servers.map(server => [server.name, describe(server)])) }
}

async function startRow (bare: Record<string, string>): Promise<Row> {
  const service = { ...serviceEnvironment(pool), DATABASE_URL: `sqlite:${folder}/start.db` }
  const measured: [string, string, Record<string, string>][] = [
    [names.service, 'src/server.ts', service],
    [names.bareFastify, 'bench/servers/bare-fastify.ts', bare]
  ]
  const times = new Map(measured.map(([name]) => [name, Array.from<number>([])]))
  for (let round = 0; round < rounds.rounds; round++) {
    for (const [name, script, environment] of measured) {
      const started = await startServer(`start of ${name}`, script, folder, environment)
      times.get(name)?.push(started.startMs)
      await stopServer(started)
    }
  }
  return { title: 'start to the first response', cells: new Map(Array.from(times, ([name, ms]) => [name, { text: `${median(ms).toFixed(0)} ms` }])) }
}

function server (name: string): Server {
  const found = servers.find(server => server.name === name)
  if (found === undefined) throw new Error(`no server has the name ${name}`)
  return found
}
