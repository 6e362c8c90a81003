// npm run bench -- million: a page deep in a million articles, beside a first page and a page of a small
// table. The requests use more pages than the response cache holds, because a cached page costs the same
// anywhere.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { app } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { serverOptions } from '../src/http/server-options.ts'
import { bearer, environment } from '../test/support/app.ts'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { UserPool } from '../test/support/user-pool.ts'
import { median } from './median.ts'
import { readOptions } from './options.ts'

const options = readOptions(`npm run bench -- million [options]

  --rounds 15         the number of interleaved rounds; each figure is the median of its rounds
  --database sqlite   the database: sqlite or postgres
  --help

It takes some minutes, because it writes a million articles first.`, { rounds: '15', database: 'sqlite' })
const rounds = Number(options.rounds)
const requestsPerRound = 200
const differentPages = 900
const queries: [title: string, parameters: string][] = [
  ['list', ''],
  ['search for a text in every name', '&q=article'],
  ['search for a text in no name', '&q=nothing']
]

const folder = mkdtempSync(join(tmpdir(), 'bench-million-'))
const pool = await UserPool.start()
const headers = bearer(pool.idToken())
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
try {
  const small = await startWithArticles(1_000, postgres ? `${postgres.url}/postgres` : `sqlite:${folder}/thousand.db`)
  if (postgres) await sql`create database million`.execute(small.db)
  const large = await startWithArticles(1_000_000, postgres ? `${postgres.url}/million` : `sqlite:${folder}/million.db`)
  const pages = [
    { name: 'first of a million', server: large, firstId: 0, step: 1 },
    { name: 'deep in a million', server: large, firstId: 100_000, step: 999 },
    { name: 'of a thousand', server: small, firstId: 0, step: 1 }
  ]
  for (const [title, parameters] of queries) {
    const samplesUs = new Map(pages.map(({ name }) => [name, Array.from<number>([])]))
    for (let round = 0; round < rounds; round++) {
      for (const { name, server, firstId, step } of pages) {
        const after = (request: number) => firstId + (round * requestsPerRound + request) % differentPages * step
        samplesUs.get(name)?.push(await measureRequestUs(server, request => `/articles?after=${after(request)}${parameters}`))
      }
    }
    console.log(title)
    const referenceUs = median(samplesUs.get('first of a million') ?? [])
    for (const [name, samples] of samplesUs) {
      console.log(`  ${name.padEnd(18)} ${median(samples).toFixed(0).padStart(6)} µs  ${(median(samples) / referenceUs).toFixed(2)}×`)
    }
  }
  await small.close()
  await large.close()
} finally {
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}

async function startWithArticles (count: number, url: string): Promise<FastifyInstance> {
  const config = readConfig(environment(pool, { DATABASE_URL: url, LOG_LEVEL: 'silent' }))
  const server = Fastify(serverOptions(config))
  await server.register(app, config)
  // The first request creates the user, who is the author.
  await server.inject({ url: '/me', headers })
  const now = '2026-11-23T10:00:00.000Z'
  const common = { author_id: 1, created_at: now, updated_at: now }
  // In batches, so that no statement reaches its timeout.
  for (let written = 0; written < count; written += 1_000) {
    const articles = Array.from({ length: 1_000 }, (_, index) => {
      const number = written + index
      return { ...common, name: `Article number ${number}`, name_key: `article number ${number}` }
    })
    await server.db.insertInto('articles').values(articles).execute()
  }
  return server
}

/** The mean time of a request in microseconds. */
async function measureRequestUs (server: FastifyInstance, url: (request: number) => string): Promise<number> {
  const startedAt = performance.now()
  for (let request = 0; request < requestsPerRound; request++) {
    const { statusCode } = await server.inject({ url: url(request), headers })
    if (statusCode !== 200) throw new Error(`a page got the status ${statusCode}`)
  }
  return (performance.now() - startedAt) / requestsPerRound * 1000
}
