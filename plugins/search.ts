import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { findSearchIndex, indexQueuedBlocks } from '../src/articles/search-queries.ts'
import { FairQueue } from '../src/http/fair-queue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every search of a user runs through this queue. */
    searches: FairQueue
  }
}

// 64 blocks are 2,048 articles and take about 10 ms: 1 % of the process, and only while articles change.
const indexIntervalMs = 1_000
const blocksPerBatch = 64

/** Limits how many searches run at once, and keeps SQLite's search index up to date. */
const search: FastifyPluginAsync = async fastify => {
  const index = await findSearchIndex(fastify.db)
  // SQLite's queries run one at a time anyway. On PostgreSQL, searches must leave most of the pool to other
  // requests.
  fastify.decorate('searches', new FairQueue({ maxRunning: index === 'blocks' ? 1 : 2, maxWaiting: 1_000, maxWaitingPerUser: 100 }))
  if (index !== 'blocks') return

  let indexing: Promise<void> | undefined
  let hasFailed = false
  const timer = setInterval(() => { indexing ??= indexBatch().finally(() => { indexing = undefined }) }, indexIntervalMs).unref()
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await indexing
  })

  async function indexBatch (): Promise<void> {
    try {
      await indexQueuedBlocks(fastify.db, blocksPerBatch)
      hasFailed = false
    } catch (error) {
      if (!hasFailed) fastify.log.warn({ err: error }, 'the search index was not updated; a search reads changed articles without it')
      hasFailed = true
    }
  }
}

export default fp(search, { name: 'search', dependencies: ['database'] })
