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

// Nobody's credentials, and no look for them beyond this machine: the AWS SDK would ask the network.
process.env.AWS_EC2_METADATA_DISABLED = 'true'

export interface TestApp {
  app: FastifyInstance
  pool: UserPool
  /** What the service logged, a line each. */
  log: string[]
  /** Every route, also those that the document does not show. */
  routes: { method: HTTPMethods, url: string, schema: FastifySchema | undefined }[]
}

/** A user pool that is closed with the test. */
export async function startPool (t: Test, options?: { id?: string, clientId?: string }): Promise<UserPool> {
  const pool = await UserPool.start(options)
  t.teardown(() => pool.close())
  return pool
}

/** The URL of a new database that is gone with the test: a file, or, where the tests run on PostgreSQL, a database there. */
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

/** The environment of a service over a pool, with a database of its own in memory. */
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
 * The whole service, ready for `inject`, over a pool and a database of its own; closed with the test.
 * @param extend adds to the service what only the test needs, such as a route that fails
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
  // Whether the pages happen to be built is nothing to these tests; those of the pages have folders of their own.
  const options = { ...config, webFolder: fileURLToPath(new URL('no-pages', import.meta.url)) }
  await server.register(app, options)
  extend?.(server)
  await server.ready()
  if (extend === undefined) await checkAnswers(server)
  return { app: server, pool, log, routes }
}

/** Every answer that a test gets from the service is held against the service's own document. */
async function checkAnswers (server: FastifyInstance): Promise<void> {
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

/** The header that a token travels in. */
export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}
