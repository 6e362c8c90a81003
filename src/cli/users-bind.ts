import { serviceActor } from '../audit/actor.ts'
import { poolIssuers } from '../cognito/pool-issuers.ts'
import { userPoolClient } from '../cognito/user-pool-client.ts'
import { readConfig } from '../config.ts'
import type { Database } from '../database/tables.ts'
import type { Identity } from '../users/identity.ts'
import { readBinding } from '../users/read-binding.ts'
import { rebindPool, type RebindChange } from '../users/rebind-pool.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'
import type { UsersArguments } from './users-arguments.ts'

/**
 * The identity of a subject in a configured user pool.
 * @throws {Problem} `validation_failed`
 */
export function readIdentity (env: Terminal['env'], subject: string, userPoolId: string | undefined): Identity | undefined {
  const binding = { subject, ...(userPoolId !== undefined && { userPoolId }) }
  return readBinding(binding, poolIssuers(readConfig(env))) ?? undefined
}

/** @returns the text to print at the end */
export async function rebind (
  db: Database, { from, to, json, dryRun, pagesPerSecond }: UsersArguments, { env }: Terminal, print: (line: string) => void
): Promise<string> {
  const config = readConfig(env)
  // The old pool need not be configured any more.
  const issuers = poolIssuers({ ...config, userPoolIds: [from, to] })
  const client = userPoolClient(config.endpoint)
  const changes: RebindChange[] = []
  try {
    await rebindPool(db, client, {
      fromIssuer: issuers.get(from) ?? '',
      toPoolId: to,
      toIssuer: issuers.get(to) ?? '',
      actor: serviceActor('command line'),
      dryRun,
      pagesPerSecond,
      onChange: change => {
        changes.push(change)
        if (!json) print(`${change.action}  ${printable(change.username)}  ${printable(change.detail)}`)
      }
    })
  } finally {
    await client.close()
  }
  const rebound = changes.filter(({ action }) => action === 'rebound').length
  return json ? JSON.stringify(changes) : `${dryRun ? 'Would rebind' : 'Rebound'} ${rebound} users.`
}
