import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { poolIssuers } from '../src/cognito/pool-issuers.ts'
import { userPoolClient } from '../src/cognito/user-pool-client.ts'
import type { Config } from '../src/config.ts'
import { claimLease } from '../src/database/leases.ts'
import { syncUsers } from '../src/users/sync-users.ts'

const leaseName = 'users sync'
/** A process that dies during a run leaves its lease for this long. Each page of the listing renews it. */
const leaseMs = 120_000
const maxCheckIntervalMs = 60_000
const pagesPerSecond = 5

/**
 * Runs `users sync` at an interval, in one of the processes that share the database. The lease of a finished
 * run lasts until the next run is due, so the other processes skip their turn.
 */
const usersSync: FastifyPluginAsync<Config> = async (fastify, config) => {
  const { usersSyncInterval: intervalSeconds, endpoint, usernameClaim } = config
  if (intervalSeconds === undefined) return
  const intervalMs = intervalSeconds * 1000
  const holder = randomUUID()
  const stopping = new AbortController()
  let lastRunAtMs = 0
  let running: Promise<void> | undefined

  const timer = setInterval(check, Math.min(intervalMs, maxCheckIntervalMs)).unref()
  fastify.addHook('onReady', async () => check())
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    stopping.abort()
    await running
  })

  function check (): void {
    if (running !== undefined || Date.now() < lastRunAtMs + intervalMs) return
    running = run().catch(logFailure).finally(() => { running = undefined })
  }

  async function run (): Promise<void> {
    const startedAtMs = Date.now()
    if (!await claimLease(fastify.db, leaseName, holder, leaseMs)) return
    lastRunAtMs = startedAtMs
    try {
      await syncPools()
    } finally {
      await claimLease(fastify.db, leaseName, holder, Math.max(0, startedAtMs + intervalMs - Date.now()))
    }
  }

  async function syncPools (): Promise<void> {
    const client = userPoolClient(endpoint)
    try {
      for (const [userPoolId, issuer] of poolIssuers(config)) {
        await syncUsers(fastify.db, client, {
          userPoolId,
          issuer,
          usernameClaim,
          dryRun: false,
          force: false,
          pagesPerSecond,
          signal: stopping.signal,
          onChange: ({ action, username, detail }) => fastify.log.info({ userPoolId, action, username, detail }, 'users sync changed a user'),
          onPage: async () => { await claimLease(fastify.db, leaseName, holder, leaseMs) }
        })
      }
      fastify.log.debug('users sync finished')
    } finally {
      await client.close()
    }
  }

  function logFailure (error: unknown): void {
    if (!stopping.signal.aborted) fastify.log.warn({ err: error }, 'users sync failed')
  }
}

export default fp(usersSync, { name: 'users-sync', dependencies: ['database'] })
