import { poolIssuers } from '../cognito/pool-issuers.ts'
import { userPoolClient } from '../cognito/user-pool-client.ts'
import { readConfig } from '../config.ts'
import type { Database } from '../database/tables.ts'
import type { SyncChange } from '../users/sync-user.ts'
import { syncUsers } from '../users/sync-users.ts'
import { printable } from './table.ts'
import type { Terminal } from './terminal.ts'
import type { UsersArguments } from './users-arguments.ts'

const clearLine = '\r\u001b[K'

/** @returns the text to print at the end */
export async function sync (
  db: Database, { json, dryRun, force, pagesPerSecond }: UsersArguments, { env, stderr }: Terminal, print: (line: string) => void
): Promise<string> {
  const config = readConfig(env)
  const client = userPoolClient(config.endpoint)
  const changes: SyncChange[] = []
  try {
    for (const [userPoolId, issuer] of poolIssuers(config)) {
      const total = await client.estimateUsers(userPoolId).catch(() => undefined)
      await syncUsers(db, client, {
        userPoolId,
        issuer,
        usernameClaim: config.usernameClaim,
        dryRun,
        force,
        pagesPerSecond,
        onChange: change => {
          changes.push(change)
          if (!json) print(`${stderr.isTTY ? clearLine : ''}${change.action}  ${printable(change.username)}  ${printable(change.detail)}`)
        },
        onPage: seen => {
          const progress = `${userPoolId}: ${seen}${total === undefined ? '' : ` of about ${total}`} users seen, ${changes.length} changes`
          stderr.write(stderr.isTTY ? `${clearLine}${progressBar(seen, total)}${progress}` : `${progress}\n`)
        }
      })
    }
  } catch (error) {
    // A script needs the changes that were made before the failure.
    if (json && changes.length > 0) print(JSON.stringify(changes))
    throw error
  } finally {
    if (stderr.isTTY) stderr.write('\n')
    await client.close()
  }
  return json ? JSON.stringify(changes) : `${dryRun ? 'Would make' : 'Made'} ${changes.length} changes.`
}

function progressBar (seen: number, total: number | undefined): string {
  if (total === undefined) return ''
  const filled = Math.round(30 * Math.min(1, seen / Math.max(1, total)))
  return `[${'#'.repeat(filled).padEnd(30, '.')}] `
}
