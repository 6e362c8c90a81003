import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance, type FastifySchema, type HTTPMethods, type InjectOptions } from 'fastify'
import pg from 'pg'
import type { Test } from 'tap'
import { app } from '../../src/app.ts'
import { serverOptions } from '../../src/http/server-options.ts'
import { readConfig } from '../../src/config.ts'
import { documentChecker } from './documented.ts'
import { UserPool } from './user-pool.ts'

// Without credentials, the AWS SDK would look for them on the network.
process.env.AWS_EC2_METADATA_DISABLED = 'true'

export interface TestApp {
  app: FastifyInstance
  pool: UserPool
  /** The log of the service, one line each. */
  log: string[]
  /** All routes, also those outside of the OpenAPI document. */
  routes: { method: HTTPMethods, url: string, schema: FastifySchema | undefined }[]
}

/** Starts a user pool, which closes with the test. */
export async function startPool (t: Test, options?: { id?: string, clientId?: string }): Promise<UserPool> {
  const pool = await UserPool.start(options)
  t.teardown(() => pool.close())
  return pool
}

/**
 * Creates a database, which is removed with the test: an SQLite file, or a database of the PostgreSQL under
 * test.
 */
export async function newDatabase (t: Test): Promise<string> {
  const server = process.env.TEST_DATABASE_URL
  if (server === undefined) return `sqlite:${join(t.testdir(), `${randomUUID()}.db`)}`
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administer(server, `create database ${name}`)
  t.teardown(() => administer(server, `drop database ${name} with (force)`))
  const url = new URL(server)
  url.pathname = name
  return url.href
}

async function administer (server: string, statement: string): Promise<void> {
  const client = new pg.Client(server)
  await client.connect()
  await client.query(statement)
  await client.end()
}

/** The variables of a service with a user pool and a database in memory. */
export function environment (pool: UserPool, changes: Record<string, string> = {}): Record<string, string> {
  return {
    AWS_USER_POOLS_ID: pool.id,
    AWS_APP_CLIENT_ID: pool.clientId,
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: pool.endpoint,
    USER_PROVISIONING: 'auto',
    DATABASE_URL: 'sqlite::memory:',
    RATE_LIMIT_MAX: '0',
    ...changes
  }
}

/**
 * Starts the whole service for `inject`, with its own user pool and database. It closes with the test.
 * @param extend adds parts that only the test needs, such as a failing route
 */
export async function startApp (t: Test, changes: Record<string, string> = {}, ownPool?: UserPool, extend?: (app: FastifyInstance) => void): Promise<TestApp> {
  const pool = ownPool ?? await startPool(t)
  const log: string[] = []
  const { DATABASE_URL = process.env.TEST_DATABASE_URL === undefined ? 'sqlite::memory:' : await newDatabase(t) } = changes
  const config = readConfig(environment(pool, { ...changes, DATABASE_URL }))
  const server = Fastify(serverOptions(config, { write: line => { log.push(line) } }))
  t.teardown(() => server.close())
  const routes: TestApp['routes'] = []
  server.addHook('onRoute', ({ method, url, schema }) => { routes.push(...[method].flat().map(method => ({ method, url, schema }))) })
  // The tests must not depend on a build of the pages. The tests of the pages have their own folders.
  const options = { ...config, webFolder: fileURLToPath(new URL('no-pages', import.meta.url)) }
  await server.register(app, options)
  extend?.(server)
  await server.ready()
  if (extend === undefined) await checkResponses(server)
  return { app: server, pool, log, routes }
}

/** Compares every response that a test gets with the OpenAPI document of the service. */
async function checkResponses (server: FastifyInstance): Promise<void> {
  const check = documentChecker(JSON.parse(JSON.stringify(await server.swagger())))
  const inject = server.inject.bind(server)
  Object.assign(server, {
    inject: async (options: InjectOptions | string) => {
      const response = await inject(options)
      const { method = 'GET', url = '' } = response.raw.req
      check({ method, url, status: response.statusCode, contentType: response.headers['content-type']?.toString(), body: response.body })
      return response
    }
  })
}

/** The request header with a token. */
export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}
