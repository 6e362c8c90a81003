import { setTimeout as wait } from 'node:timers/promises'
import type { PostgresServer } from '../../test/support/embedded-postgres.ts'
import { makeKey, type UserPool } from '../../test/support/user-pool.ts'
import type { Disruptions } from './disruptions.ts'
import type { Replica } from './replica.ts'

/** The parts of the soak that an event can disturb. */
export interface Stage {
  pool: UserPool
  disruptions: Disruptions
  /** The replica that is restarted. The other one runs as long as the soak. */
  replica: Replica
  postgres: PostgresServer | undefined
  /** The duration of an outage of the key server. */
  outageMs: number
  signal: AbortSignal
}

export interface Event {
  name: string
  run (stage: Stage): Promise<void>
}

/** The events, in their order. */
export function listEvents (postgres: boolean): Event[] {
  return [
    { name: 'a new key', run: async stage => rotate(stage) },
    { name: 'the key server fails', run: stage => outage(stage, (_request, response) => response.writeHead(500).end()) },
    { name: 'a graceful restart', run: stage => restart(stage, 'SIGTERM') },
    { name: 'the oldest key is withdrawn', run: async stage => withdraw(stage) },
    { name: 'the key server hangs, with a new key', run: stage => outage(stage, () => {}, async () => rotate(stage)) },
    { name: 'kill -9', run: stage => restart(stage, 'SIGKILL') },
    ...postgres ? [{ name: 'the database is restarted', run: restartDatabase }] : [],
    { name: 'the key server sends HTML, and a graceful restart', run: stage => outage(stage, (_request, response) => response.setHeader('content-type', 'text/html').end('<p>Be right back'), () => restart(stage, 'SIGTERM')) },
    { name: 'the oldest key is withdrawn', run: async stage => withdraw(stage) }
  ]
}

/** Adds a key that signs at once, beside the others. Cognito has two keys as well. */
function rotate ({ pool, disruptions }: Stage): void {
  const key = makeKey()
  disruptions.publish(key.kid)
  pool.keys = [key, ...pool.keys]
}

function withdraw ({ pool, disruptions }: Stage): void {
  const oldest = pool.keys.at(-1)
  if (oldest === undefined || pool.keys.length < 2) return
  disruptions.withdraw(oldest.kid)
  pool.keys = pool.keys.slice(0, -1)
}

async function outage ({ pool, disruptions, outageMs, signal }: Stage, answer: UserPool['answer'], during?: () => Promise<void>): Promise<void> {
  const end = disruptions.begin('key server out')
  pool.answer = answer
  try {
    await during?.()
    await wait(outageMs, undefined, { signal }).catch(() => {})
  } finally {
    pool.answer = pool.publish
    end()
  }
}

async function restart ({ disruptions, replica }: Stage, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const end = disruptions.begin(`restart of ${replica.name}`)
  await replica.restart(signal).finally(end)
}

async function restartDatabase ({ disruptions, postgres }: Stage): Promise<void> {
  const end = disruptions.begin('database restart')
  await postgres?.stop()
  await postgres?.start().finally(end)
}
