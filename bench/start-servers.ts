import { copyFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { publicJwk, type UserPool } from '../test/support/user-pool.ts'
import { createArticleList, type ArticleList } from './article-list.ts'
import { startServer, type Server } from './server.ts'

export interface ServerSettings {
  pool: UserPool
  folder: string
  /** The address of a PostgreSQL database, for a second process of the service. */
  postgresUrl: string | undefined
}

/** The names of the servers in the report. */
export const names = {
  service: 'this service, SQLite',
  servicePostgres: 'this service, PostgreSQL',
  straightforward: 'straightforward',
  express: 'Express',
  bareFastify: 'bare Fastify'
}

/** The environment of the service, without its database. */
export function serviceEnvironment (pool: UserPool): Record<string, string> {
  return {
    AWS_USER_POOLS_ID: pool.id,
    AWS_APP_CLIENT_ID: pool.clientId,
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
    COGNITO_ALLOW_HTTP: 'true',
    USER_PROVISIONING: 'auto',
    RATE_LIMIT_MAX: '1000000000'
  }
}

/** Starts all servers and adds them to `servers`, so that the caller can stop them after a failure too. */
export async function startServers ({ pool, folder, postgresUrl }: ServerSettings, servers: Server[]): Promise<ArticleList> {
  const start = async (name: string, script: string, environment: Record<string, string>) => {
    const server = await startServer(name, script, folder, environment)
    servers.push(server)
    return server
  }
  const service = await start(names.service, 'src/server.ts', { ...serviceEnvironment(pool), DATABASE_URL: `sqlite:${folder}/articles.db` })
  const list = await createArticleList(service.port, pool.idToken(), folder)
  if (postgresUrl !== undefined) {
    const { port } = await start(names.servicePostgres, 'src/server.ts', { ...serviceEnvironment(pool), DATABASE_URL: postgresUrl })
    await createArticleList(port, pool.idToken(), folder)
  }
  copyDatabase(`${folder}/articles.db`, `${folder}/other.db`)
  const environment = { BENCH_DATABASE: `${folder}/other.db`, BENCH_ISSUER: pool.issuer, BENCH_CLIENT: pool.clientId, BENCH_KEYS: JSON.stringify({ keys: pool.keys.map(publicJwk) }) }
  await start(names.straightforward, 'bench/servers/straightforward.ts', environment)
  await start(names.express, 'bench/servers/express.ts', environment)
  await start(names.bareFastify, 'bench/servers/bare-fastify.ts', bareEnvironment(list))
  return list
}

/** The environment of bare Fastify, which sends the same bytes. */
export function bareEnvironment ({ path, etag }: ArticleList): Record<string, string> {
  return { BENCH_LIST: path, BENCH_ETAG: etag }
}

/** Copies the database of the service for the other servers. */
function copyDatabase (from: string, to: string): void {
  const file = new BetterSqlite3(from)
  file.pragma('wal_checkpoint(TRUNCATE)')
  file.close()
  copyFileSync(from, to)
}
