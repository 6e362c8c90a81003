// npm run bench -- million: what a page of a list costs deep in a million articles, against the first of them and those of a small
// table. So many pages are asked for in turn that none is still kept: a kept one costs the same anywhere.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { app } from '../src/app.ts'
import { serverOptions } from '../src/http/server-options.ts'
import { readConfig } from '../src/config.ts'
import { startPostgres } from '../test/support/embedded-postgres.ts'
import { bearer, environment } from '../test/support/app.ts'
import { UserPool } from '../test/support/user-pool.ts'
import { median } from './median.ts'
import { readOptions } from './options.ts'

const options = readOptions(`npm run bench -- million [options]

  --rounds 15             interleaved; what is printed are their medians
  --database sqlite       or postgres: one of its own
  --help

It takes a minute: a million articles are written first.`, { rounds: '15', database: 'sqlite' })
const rounds = Number(options.rounds)
const requestsPerRound = 200
/** More than are kept. */
const differentPages = 900

const folder = mkdtempSync(join(tmpdir(), 'bench-million-'))
const pool = await UserPool.start()
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
try {
  const few = await startWith(1_000, postgres ? `${postgres.url}/postgres` : `sqlite:${folder}/thousand.db`)
  if (postgres) await sql`create database million`.execute(few.db)
  const many = await startWith(1_000_000, postgres ? `${postgres.url}/million` : `sqlite:${folder}/million.db`)
  const headers = bearer(pool.idToken())
  const pages = [
    { name: 'first of a million', server: many, from: 0, step: 1 },
    { name: 'deep in a million', server: many, from: 100_000, step: 999 },
    { name: 'of a thousand', server: few, from: 0, step: 1 }
  ]
  for (const [title, query] of [['list', ''], ['search for what every name has', '&q=article'], ['search for what no name has', '&q=nothing']] as const) {
    const samples = new Map(pages.map(({ name }) => [name, Array.from<number>([])]))
    for (let round = 0; round < rounds; round++) {
      for (const { name, server, from, step } of pages) {
        const url = (request: number) => `/articles?after=${from + (round * requestsPerRound + request) % differentPages * step}${query}`
        samples.get(name)?.push(await time(server, url, headers))
      }
    }
    console.log(title)
    const reference = median(samples.get('first of a million') ?? [])
    for (const [name, times] of samples) console.log(`  ${name.padEnd(18)} ${median(times).toFixed(0).padStart(6)} µs  ${(median(times) / reference).toFixed(2)}×`)
  }
  await few.close()
  await many.close()
} finally {
  await postgres?.remove()
  await pool.close()
  rmSync(folder, { recursive: true })
}

async function startWith (count: number, url: string): Promise<FastifyInstance> {
  const config = readConfig(environment(pool, { DATABASE_URL: url, LOG_LEVEL: 'silent' }))
  const server = Fastify(serverOptions(config))
  await server.register(app, config)
  await server.inject({ url: '/me', headers: bearer(pool.idToken()) })
  const now = '2026-11-23T10:00:00.000Z'
  const rest = { author_id: 1, created_at: now, updated_at: now }
  // So many at a time that no statement takes longer than is given to one.
  for (let written = 0; written < count; written += 1_000) {
    const articles = Array.from({ length: 1_000 }, (_, index) => ({ ...rest, name: `Article number ${written + index}`, name_key: `article number ${written + index}` }))
    await server.db.insertInto('articles').values(articles).execute()
  }
  return server
}

/** Microseconds a request. */
async function time (server: FastifyInstance, url: (request: number) => string, headers: { authorization: string }): Promise<number> {
  const begun = performance.now()
  for (let request = 0; request < requestsPerRound; request++) {
    const { statusCode } = await server.inject({ url: url(request), headers })
    if (statusCode !== 200) throw new Error(`a page was answered with ${statusCode}`)
  }
  return (performance.now() - begun) / requestsPerRound * 1000
}
