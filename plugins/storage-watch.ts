import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { migrateToLatest } from '../src/database/migrate.ts'
import { openDatabase, replaceFile } from '../src/database/open.ts'

/** How often it is looked whether the database file is still in its place, in milliseconds. */
const interval = 1_000

interface StorageWatchOptions {
  databaseUrl: string
}

/** Goes on with the file that is in the place of a database file which was deleted, moved or replaced underneath, once there is one. */
const storageWatch: FastifyPluginAsync<StorageWatchOptions> = async (fastify, { databaseUrl }) => {
  let looking: Promise<void> | undefined
  let told = ''
  const timer = setInterval(() => { looking ??= look().finally(() => { looking = undefined }) }, interval).unref()
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await looking
  })

  async function look (): Promise<void> {
    try {
      if (await replaceFile(fastify.db, migrate)) fastify.log.warn('the database was opened anew')
      told = ''
    } catch (error) {
      const reason = String(error)
      if (reason !== told) fastify.log.error({ err: error }, 'the database cannot be used, and every request is refused until there is a file that can')
      told = reason
    }
  }

  async function migrate (): Promise<void> {
    const db = openDatabase(databaseUrl, { mustExist: true })
    await migrateToLatest(db).finally(() => db.destroy())
  }
}

export default fp(storageWatch, { name: 'storage-watch', dependencies: ['database'] })
