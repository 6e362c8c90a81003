// npm run bench:million: what a list costs with a million articles in the file, against a hundred.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import Fastify, { type FastifyInstance } from 'fastify'
import { app, serverOptions } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { UserPool } from '../test/user-pool.ts'
import { median } from './median.ts'
import { readOptions } from './options.ts'

const options = readOptions(`npm run bench:million -- [options]

  --rounds 15             interleaved; what is printed are their medians
  --help

It takes some seconds: a million articles are written into a file of its own first.`, { rounds: '15' })
const rounds = Number(options.rounds)
const requestsPerRound = 200

const folder = mkdtempSync(join(tmpdir(), 'bench-million-'))
const pool = await UserPool.start()
try {
  const token = pool.idToken()
  const few = await startWith(100)
  const many = await startWith(1_000_000)
  for (const [what, fewUrl, manyUrl, conditional] of [
    ['first page', '/articles', '/articles', false],
    ['page at after=900000', '/articles?after=50', '/articles?after=900000', false],
    ['304', '/articles', '/articles', true],
    ['search for what every name has', '/articles?q=article', '/articles?q=article', false],
    ['search for what no name has', '/articles?q=nothing', '/articles?q=nothing', false]
  ] as const) {
    const times: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      times[0].push(await time(few, fewUrl, token, conditional))
      times[1].push(await time(many, manyUrl, token, conditional))
    }
    const [a, b] = times.map(median)
    console.log(`${what}: ${a?.toFixed(0)} µs with 100, ${b?.toFixed(0)} µs with 1,000,000: ${((b ?? 0) / (a ?? 1)).toFixed(2)}×`)
  }
  await few.close()
  await many.close()
} finally {
  await pool.close()
  rmSync(folder, { recursive: true })
}

async function startWith (count: number): Promise<FastifyInstance> {
  const path = join(folder, `${count}.db`)
  const config = readConfig({ AWS_USER_POOLS_ID: pool.id, AWS_APP_CLIENT_ID: pool.clientId, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint, USER_PROVISIONING: 'auto', DATABASE_URL: `sqlite:${path}`, RATE_LIMIT_MAX: '0', LOG_LEVEL: 'silent' })
  const server = Fastify(serverOptions(config))
  await server.register(app, config)
  await server.inject({ url: '/me', headers: { authorization: pool.idToken() } })
  const file = new BetterSqlite3(path)
  const insert = file.prepare("insert into articles (name, name_key, author_id, created_at, updated_at) values (?, ?, 1, '2026-11-23T10:00:00.000Z', '2026-11-23T10:00:00.000Z')")
  file.transaction(() => {
    for (let n = 1; n <= count; n++) insert.run(`Article number ${n}`, `article number ${n}`)
  })()
  file.close()
  return server
}

/** Microseconds a request. */
async function time (server: FastifyInstance, url: string, token: string, conditional: boolean): Promise<number> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` }
  const first = await server.inject({ url, headers })
  if (conditional) headers['if-none-match'] = String(first.headers.etag)
  const begun = performance.now()
  for (let n = 0; n < requestsPerRound; n++) await server.inject({ url, headers })
  return (performance.now() - begun) / requestsPerRound * 1000
}
