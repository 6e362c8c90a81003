import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { deleteExpiredKeys } from '../src/idempotency/queries.ts'
import { deleteExpiredSignOuts } from '../src/users/sign-out-queries.ts'

/** How often what has expired is forgotten, in milliseconds. */
const interval = 3_600_000
const batch = 1_000

/** Forgets idempotency keys and sign-outs that have expired. */
const sweep: FastifyPluginAsync = async fastify => {
  let forgetting: Promise<void> | undefined
  const timer = setInterval(() => { forgetting = forget() }, interval).unref()
  fastify.addHook('onReady', async () => { forgetting = forget() })
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await forgetting
  })

  async function forget (): Promise<void> {
    const now = new Date().toISOString()
    try {
      const signOuts = await deleteExpiredSignOuts(fastify.db, now)
      let keys = 0
      for (let deleted = batch; deleted === batch; keys += deleted) deleted = await deleteExpiredKeys(fastify.db, now, batch)
      fastify.log.debug({ signOuts, keys }, 'forgot what has expired')
    } catch (error) {
      fastify.log.warn({ err: error }, 'what has expired could not be forgotten')
    }
  }
}

export default fp(sweep, { name: 'expiry-cleanup', dependencies: ['database'] })
