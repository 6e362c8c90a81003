import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { migrateToLatest } from '../src/database/migrate.ts'
import type { ObserveQuery } from '../src/database/query-observer.ts'
import { changeMark, openDatabase } from '../src/database/open.ts'
import type { Database } from '../src/database/tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
    /** Tells of every query when it is over, where there are metrics or traces; nobody else pays for the time being taken. */
    observeQueries (observe: ObserveQuery): void
  }
  interface FastifyRequest {
    [mark]: number | undefined
    /** Which state of the database the request sees, where the database tells its states apart: that when it is first asked for. */
    readonly changeMark: number | undefined
  }
}

const mark = Symbol('mark of the state of the database')

interface DatabaseOptions {
  databaseUrl: string
  metricsPort: number | undefined
  tracesEndpoint: string | undefined
}

/** Opens the database, migrated, and closes it when the last request has been answered. */
const database: FastifyPluginAsync<DatabaseOptions> = async (fastify, { databaseUrl, metricsPort, tracesEndpoint }) => {
  const observers: ObserveQuery[] = []
  const observed = metricsPort !== undefined || tracesEndpoint !== undefined
  const db = openDatabase(databaseUrl, observed ? { onQuery: query => observers.forEach(observe => observe(query)) } : {})
  fastify.decorate('db', db)
  fastify.decorate('observeQueries', observe => { observers.push(observe) })
  fastify.decorateRequest(mark, undefined)
  fastify.decorateRequest('changeMark', {
    getter (this: FastifyRequest) {
      this[mark] ??= changeMark(db)
      return this[mark]
    }
  })
  fastify.addHook('onClose', async () => db.destroy())

  const applied = await migrateToLatest(db).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? `${cause.message} (${cause.code})` : cause
    throw new Error(`the database that DATABASE_URL names cannot be used: ${reason}`, { cause })
  })
  if (applied.length > 0) fastify.log.info({ applied }, 'database migrated')
}

export default fp(database, { name: 'database' })
