// npm run bench -- overload: the service under more requests than it can answer. The capacity is what 32 connections get that ask
// as fast as they are answered; then requests come at so many times its rate, from as many connections as it takes, while
// somebody asks for its health. For the list, bare Fastify answers the same bytes to the same load, to tell how late its
// answers are from how late they are counted: the load comes from the same machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { UserPool } from '../test/support/user-pool.ts'
import { writeFifty } from './fifty.ts'
import { load } from './load.ts'
import { openLoad } from './open-loop.ts'
import { readOptions } from './options.ts'
import { startServer, stopServer, type Server } from './server.ts'

const options = readOptions(`npm run bench -- overload [options]

  --seconds 5             of each load
  --times 0.8,3           how many times the capacity is asked for
  --connections 1000      at most
  --only NAME             the scenarios with NAME in their titles
  --database sqlite       or postgres: one of its own
  --help

It needs wrk (apt-get install wrk).`, {
  seconds: '5',
  times: '0.8,3',
  connections: '1000',
  only: '',
  database: 'sqlite'
})
const seconds = Number(options.seconds)
const folder = mkdtempSync(join(tmpdir(), 'overload-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
const server = await startServer('this service', 'src/server.ts', folder, {
  AWS_USER_POOLS_ID: pool.id,
  AWS_APP_CLIENT_ID: pool.clientId,
  AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
  COGNITO_ALLOW_HTTP: 'true',
  USER_PROVISIONING: 'auto',
  RATE_LIMIT_MAX: '1000000000',
  DATABASE_URL: postgres ? `${postgres.url}/postgres` : `sqlite:${folder}/articles.db`
})
const servers = [server]
try {
  const one = [pool.idToken()]
  const list = await writeFifty(server.port, pool.idToken(), folder)
  const bare = await startServer('bare Fastify', 'bench/servers/bare-fastify.ts', folder, { BENCH_LIST: list.path })
  servers.push(bare)
  await measure('list of 50', one, 'GET', bare)
  await measure('durable create', one, 'POST')
  // More than are remembered, and refusals pass some over: in rotation, each has to be verified.
  if ('each token new'.includes(options.only)) await measure('each token new', Array.from({ length: 25_000 }, () => pool.idToken()), 'GET')
} finally {
  await Promise.all(servers.map(server => stopServer(server)))
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}
process.exit()

async function measure (title: string, tokens: string[], method: 'GET' | 'POST', beside?: Server): Promise<void> {
  if (!title.includes(options.only)) return
  const path = join(folder, 'tokens')
  writeFileSync(path, tokens.join('\n'))
  const { port } = server
  await load({ port, seconds: 2, tokens: path, method })
  const closed = await load({ port, seconds, tokens: path, method, from: Math.floor(tokens.length / 3) })
  console.log(`\n${title}: capacity ${closed.rate.toFixed(0)}/s, p99 ${closed.p99.toFixed(1)} ms (${closed.refused} refused)`)

  const requests = tokens.map(token => request(token, method))
  let from = Math.floor(tokens.length * 0.6)
  for (const times of options.times.split(',').map(Number)) {
    const rate = closed.rate * times
    from += await overload(server, times, rate, requests, from)
    if (beside !== undefined) await overload(beside, times, rate, requests, 0)
  }
}

/** How many requests were due. */
async function overload (target: Server, times: number, rate: number, requests: string[], from: number): Promise<number> {
  const probing = new AbortController()
  const health = target === server ? probe(probing.signal) : undefined
  const report = await openLoad({ port: target.port, rate, seconds, connections: Number(options.connections), requests, from })
  probing.abort()
  const { 503: shed = 0, ...others } = report.statuses
  const good = (others[200] ?? 0) + (others[201] ?? 0)
  console.log(`  ${times}× ${target.name.padEnd(12)} ${(good / seconds).toFixed(0).padStart(6)}/s accepted  p50 ${report.p50.toFixed(1)} ms  p99 ${report.p99.toFixed(1)} ms  max ${report.max.toFixed(0)} ms (p99 since sent ${report.sentP99.toFixed(1)} ms, after the first second ${report.settledP99.toFixed(1)} ms)` +
    `  shed ${(shed / seconds).toFixed(0)}/s  p99 ${report.shedP99.toFixed(1)} ms  ${report.connections} connections, ${report.due - good - shed} without an answer ${JSON.stringify(others)}`)
  if (health !== undefined) {
    const { p99, failed } = await health
    console.log(`     health p99 ${p99.toFixed(1)} ms, ${failed} failed`)
  }
  await wait(1_500)
  return report.due
}

function request (token: string, method: 'GET' | 'POST'): string {
  const body = method === 'POST' ? '{"name":"On bread"}' : ''
  const head = [`${method} /articles HTTP/1.1`, 'Host: articles', `Authorization: Bearer ${token}`]
  if (body !== '') head.push('Content-Type: application/json', `Content-Length: ${body.length}`)
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Asks for the health of the service 50 times a second. */
async function probe (signal: AbortSignal): Promise<{ p99: number, failed: number }> {
  const times: number[] = []
  let failed = 0
  while (!signal.aborted) {
    const begun = performance.now()
    const ok = await fetch(`http://127.0.0.1:${server.port}/health/ready`).then(response => response.ok, () => false)
    if (!ok) failed++
    times.push(performance.now() - begun)
    await wait(20)
  }
  times.sort((a, b) => a - b)
  return { p99: times[Math.floor(times.length * 0.99)] ?? NaN, failed }
}
