import type { Issuer } from '../../plugins/cognito-auth/issuers.ts'
import { keySetFetcher } from '../../plugins/cognito-auth/keys/fetch-key-set.ts'
import { parseKeySet } from '../../plugins/cognito-auth/keys/key-set.ts'
import type { Config } from '../config.ts'
import { listPendingMigrations } from '../database/migrate.ts'
import type { Database } from '../database/tables.ts'
import { printable } from './table.ts'

/** Checks each key server and the database. Returns one line for each. */
export async function checkConnections (issuers: Issuer[], config: Config, db: Database): Promise<string[]> {
  const lines: string[] = []
  for (const issuer of issuers) {
    const note = issuer.optional ? ' (most user pools do not have this issuer)' : ''
    lines.push(await check(`keys of ${issuer.name}${note}`, () => checkKeyServer(issuer, config)))
  }
  lines.push(await check('database', () => checkDatabase(db)))
  return lines
}

/** The message of an error and of its cause, safe to print. */
export function errorText (error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error))
  return printable(error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message)
}

async function check (subject: string, run: () => Promise<string>): Promise<string> {
  try {
    return `  ok      ${subject}: ${await run()}`
  } catch (error) {
    return `  FAILED  ${subject}: ${errorText(error)}`
  }
}

async function checkKeyServer ({ jwksUri }: Issuer, config: Config): Promise<string> {
  const keys = parseKeySet(await keySetFetcher({})(jwksUri, new AbortController().signal), config)
  return `${jwksUri} publishes the key ids ${[...keys.keys()].map(printable).join(', ')}`
}

async function checkDatabase (db: Database): Promise<string> {
  const pending = await listPendingMigrations(db)
  if (pending.length > 0) throw new Error(`these migrations are missing: ${pending.join(', ')}; apply them with npm run migrate`)
  return 'reachable, all migrations applied'
}
