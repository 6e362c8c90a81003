import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { DatabaseHandle } from '../src/database/handle.ts'
import { migrateToLatest } from '../src/database/migrate.ts'
import { openDatabase } from '../src/database/open.ts'
import type { ObserveQuery } from '../src/database/query-observer.ts'
import { FileWatch } from '../src/database/sqlite/file-watch.ts'
import type { Database } from '../src/database/tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    database: DatabaseHandle
    /** The Kysely instance of `database`, which queries take. */
    db: Database
    /**
     * Adds a function that is called after every query. Queries are timed only where metrics or traces are
     * configured.
     */
    observeQueries (observe: ObserveQuery): void
  }
  interface FastifyRequest {
    [dataVersion]: number | undefined
    /** The data version of the request. It is read once, at the first use. */
    readonly dataVersion: number | undefined
  }
}

const dataVersion = Symbol('data version')

interface DatabaseOptions {
  databaseUrl: string
  metricsPort: number | undefined
  tracesEndpoint: string | undefined
}

/** Opens and migrates the database, and closes it after the last response. */
const databasePlugin: FastifyPluginAsync<DatabaseOptions> = async (fastify, { databaseUrl, metricsPort, tracesEndpoint }) => {
  const observers: ObserveQuery[] = []
  const hasObservers = metricsPort !== undefined || tracesEndpoint !== undefined
  const onQuery: ObserveQuery = query => observers.forEach(observe => observe(query))
  const onNotice = (message: string) => fastify.log.warn(message)
  const database = openDatabase(databaseUrl, { onNotice, ...hasObservers && { onQuery } })
  fastify.decorate('database', database)
  fastify.decorate('db', database.db)
  fastify.decorate('observeQueries', observe => { observers.push(observe) })
  fastify.decorateRequest(dataVersion, undefined)
  fastify.decorateRequest('dataVersion', {
    getter (this: FastifyRequest) {
      this[dataVersion] ??= database.dataVersion()
      return this[dataVersion]
    }
  })

  let fileWatch: FileWatch | undefined
  fastify.addHook('onClose', async () => {
    await fileWatch?.stop()
    await database.close()
  })

  const onWait = () => fastify.log.info('the migrations wait for a lock of the database')
  const { applied, unknown } = await migrateToLatest(database, onWait).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? `${cause.message} (${cause.code})` : cause
    throw new Error(`the database in DATABASE_URL is unusable: ${reason}`, { cause })
  })
  if (applied.length > 0) fastify.log.info({ applied }, 'database migrated')
  if (unknown.length > 0) fastify.log.warn({ unknown }, 'the database has migrations of a newer version')
  if (database.isSqlite) fileWatch = new FileWatch(database, () => migrateFile(databaseUrl), fastify.log)
}

/** Migrates the file that replaced the open one, before it is opened. */
async function migrateFile (databaseUrl: string): Promise<void> {
  const file = openDatabase(databaseUrl, { mustExist: true })
  await migrateToLatest(file).finally(() => file.close())
}

export default fp(databasePlugin, { name: 'database' })
