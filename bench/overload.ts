// npm run bench -- overload: the service under more requests than it can answer.
//
// 1. The capacity is the rate over 32 connections that send as fast as they get responses.
// 2. Requests then arrive at a multiple of the capacity, over many connections, beside requests for the
//    health.
// 3. Bare Fastify gets the same load of lists. Its response times show the share of the load generator, which
//    uses the
//    same machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { UserPool } from '../test/support/user-pool.ts'
import { createArticleList } from './article-list.ts'
import { runLoad } from './load.ts'
import { runOpenLoad, type OpenLoad } from './open-loop.ts'
import { readOptions } from './options.ts'
import { startServer, stopServer, type Server } from './server.ts'
import { bareEnvironment, serviceEnvironment } from './start-servers.ts'

const options = readOptions(`npm run bench -- overload [options]

  --seconds 5           the duration of each load
  --times 0.8,3         the multiples of the capacity
  --connections 1000    the number of connections
  --only NAME           only the scenarios with NAME in their titles
  --database sqlite     the database: sqlite or postgres
  --help

It needs wrk (apt-get install wrk).`, { seconds: '5', times: '0.8,3', connections: '1000', only: '', database: 'sqlite' })
const seconds = Number(options.seconds)
const folder = mkdtempSync(join(tmpdir(), 'overload-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
const databaseUrl = postgres ? `${postgres.url}/postgres` : `sqlite:${folder}/articles.db`
const service = await startServer('this service', 'src/server.ts', folder, { ...serviceEnvironment(pool), DATABASE_URL: databaseUrl })
const servers = [service]
try {
  const list = await createArticleList(service.port, pool.idToken(), folder)
  const bare = await startServer('bare Fastify', 'bench/servers/bare-fastify.ts', folder, bareEnvironment(list))
  servers.push(bare)
  await measure('list of 50', () => [pool.idToken()], 'GET', bare)
  await measure('durable create', () => [pool.idToken()], 'POST')
  // More tokens than the cache holds, so that each must be verified again.
  await measure('each token new', () => Array.from({ length: 25_000 }, () => pool.idToken()), 'GET')
} finally {
  await Promise.all(servers.map(server => stopServer(server)))
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}
process.exit()

async function measure (title: string, makeTokens: () => string[], method: 'GET' | 'POST', reference?: Server): Promise<void> {
  if (!title.includes(options.only)) return
  const tokens = makeTokens()
  const tokenFile = join(folder, 'tokens')
  writeFileSync(tokenFile, tokens.join('\n'))
  const { port } = service
  await runLoad({ port, seconds: 2, tokenFile, method })
  const capacity = await runLoad({ port, seconds, tokenFile, method, firstToken: Math.floor(tokens.length / 3) })
  console.log(`\n${title}: capacity ${capacity.perSecond.toFixed(0)}/s, p99 ${capacity.p99Ms.toFixed(1)} ms (${capacity.rejected} rejected)`)

  const requests = tokens.map(token => formatRequest(token, method))
  let firstRequest = Math.floor(tokens.length * 0.6)
  for (const times of options.times.split(',').map(Number)) {
    const load = { perSecond: capacity.perSecond * times, seconds, connections: Number(options.connections), requests }
    firstRequest += await overload(service, times, { ...load, port, firstRequest })
    if (reference !== undefined) await overload(reference, times, { ...load, port: reference.port })
  }
}

/** Runs one load and prints its report. Returns the number of requests that were due. */
async function overload (target: Server, times: number, load: OpenLoad): Promise<number> {
  const probing = new AbortController()
  const health = target === service ? probeHealth(probing.signal) : undefined
  const report = await runOpenLoad(load)
  probing.abort()
  const { 503: shed = 0, ...others } = report.statuses
  const good = (others[200] ?? 0) + (others[201] ?? 0)
  const ms = (value: number) => `${value.toFixed(1)} ms`
  console.log(`  ${times}× ${target.name}`)
  console.log(`     accepted ${(good / seconds).toFixed(0)}/s: p50 ${ms(report.p50Ms)}, p99 ${ms(report.p99Ms)}, max ${ms(report.maxMs)}`)
  console.log(`     since sent: p99 ${ms(report.sentP99Ms)}, after the first second ${ms(report.settledP99Ms)}`)
  console.log(`     shed ${(shed / seconds).toFixed(0)}/s: p99 ${ms(report.shedP99Ms)}`)
  console.log(`     ${report.connections} connections open, ${report.due - good - shed} other outcomes ${JSON.stringify(others)}`)
  if (health !== undefined) {
    const { p99Ms, failed } = await health
    console.log(`     health: p99 ${ms(p99Ms)}, ${failed} failed`)
  }
  await wait(1_500)
  return report.due
}

function formatRequest (token: string, method: 'GET' | 'POST'): string {
  const body = method === 'POST' ? '{"name":"On bread"}' : ''
  const head = [`${method} /articles HTTP/1.1`, 'Host: articles', `Authorization: Bearer ${token}`]
  if (body !== '') head.push('Content-Type: application/json', `Content-Length: ${body.length}`)
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Requests the readiness of the service 50 times a second. */
async function probeHealth (signal: AbortSignal): Promise<{ p99Ms: number, failed: number }> {
  const samplesMs: number[] = []
  let failed = 0
  while (!signal.aborted) {
    const startedAt = performance.now()
    const ok = await fetch(`http://127.0.0.1:${service.port}/health/ready`).then(response => response.ok, () => false)
    if (!ok) failed++
    samplesMs.push(performance.now() - startedAt)
    await wait(20)
  }
  samplesMs.sort((a, b) => a - b)
  return { p99Ms: samplesMs[Math.floor(samplesMs.length * 0.99)] ?? NaN, failed }
}
