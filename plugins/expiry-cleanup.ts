import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { deleteExpiredKeys } from '../src/idempotency/queries.ts'
import { deleteExpiredSignOuts } from '../src/users/sign-out-queries.ts'

const cleanupIntervalMs = 3_600_000
const rowsPerBatch = 1_000

/** Deletes expired idempotency keys and sign-outs at the start, and every hour. */
const expiryCleanup: FastifyPluginAsync = async fastify => {
  let cleanup: Promise<void> | undefined
  const timer = setInterval(() => { cleanup = deleteExpired() }, cleanupIntervalMs).unref()
  fastify.addHook('onReady', async () => { cleanup = deleteExpired() })
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await cleanup
  })

  async function deleteExpired (): Promise<void> {
    const now = new Date().toISOString()
    try {
      const signOuts = await deleteExpiredSignOuts(fastify.db, now)
      let keys = 0
      for (let deleted = rowsPerBatch; deleted === rowsPerBatch; keys += deleted) {
        deleted = await deleteExpiredKeys(fastify.db, now, rowsPerBatch)
      }
      fastify.log.debug({ signOuts, keys }, 'deleted expired rows')
    } catch (error) {
      fastify.log.warn({ err: error }, 'expired rows were not deleted; the next attempt is in an hour')
    }
  }
}

export default fp(expiryCleanup, { name: 'expiry-cleanup', dependencies: ['database'] })
