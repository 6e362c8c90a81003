import { setTimeout as wait } from 'node:timers/promises'
import type { PostgresServer } from '../../test/support/embedded-postgres.ts'
import { makeKey, type UserPool } from '../../test/support/user-pool.ts'
import type { Circumstances } from './circumstances.ts'
import type { Replica } from './replica.ts'

export interface Stage {
  pool: UserPool
  circumstances: Circumstances
  /** The one that is restarted; the others live as long as the soak. */
  replica: Replica
  postgres: PostgresServer | undefined
  /** How long the key server is out, in milliseconds. */
  outage: number
  signal: AbortSignal
}

export interface Event {
  name: string
  run (stage: Stage): Promise<void>
}

/** What happens, in turn. */
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

/** The new key signs at once, beside the others, as Cognito's two keys do. */
function rotate ({ pool, circumstances }: Stage): void {
  const key = makeKey()
  circumstances.publish(key.kid)
  pool.keys = [key, ...pool.keys]
}

function withdraw ({ pool, circumstances }: Stage): void {
  const oldest = pool.keys.at(-1)
  if (oldest === undefined || pool.keys.length < 2) return
  circumstances.withdraw(oldest.kid)
  pool.keys = pool.keys.slice(0, -1)
}

async function outage ({ pool, circumstances, outage, signal }: Stage, answer: UserPool['answer'], within?: () => Promise<void>): Promise<void> {
  const end = circumstances.begin('key server out')
  pool.answer = answer
  try {
    await within?.()
    await wait(outage, undefined, { signal }).catch(() => {})
  } finally {
    pool.answer = pool.publish
    end()
  }
}

async function restart ({ circumstances, replica }: Stage, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const end = circumstances.begin(`restart of ${replica.name}`)
  await replica.restart(signal).finally(end)
}

async function restartDatabase ({ circumstances, postgres }: Stage): Promise<void> {
  const end = circumstances.begin('database restart')
  await postgres?.stop()
  await postgres?.start().finally(end)
}
