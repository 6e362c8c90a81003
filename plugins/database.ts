import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { migrateToLatest } from '../src/database/migrate.ts'
import { openDatabase } from '../src/database/open.ts'
import type { Database } from '../src/database/tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
  }
}

interface DatabaseOptions {
  databaseUrl: string
}

/** Opens the database, migrated, and closes it when the last request has been answered. */
const database: FastifyPluginAsync<DatabaseOptions> = async (fastify, { databaseUrl }) => {
  const db = openDatabase(databaseUrl)
  fastify.decorate('db', db)
  fastify.addHook('onClose', async () => db.destroy())

  const applied = await migrateToLatest(db).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? `${cause.message} (${cause.code})` : cause
    throw new Error(`the database that DATABASE_URL names cannot be used: ${reason}`, { cause })
  })
  if (applied.length > 0) fastify.log.info({ applied }, 'database migrated')
}

export default fp(database, { name: 'database' })
