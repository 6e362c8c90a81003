import { Console } from 'node:console'
import { parseArgs } from 'node:util'
import { serviceActor } from '../audit/actor.ts'
import { listIssuers } from '../../plugins/cognito-auth/issuers.ts'
import { userPoolClient } from '../cognito/user-pool-client.ts'
import { readConfig, readDatabaseUrl } from '../config.ts'
import { migrateToLatest } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems/catalogue.ts'
import { addUser, changeUser, removeUser } from '../users/manage-users.ts'
import { findUser, findUserByEmail, findUserByUsername, listUsers, type User } from '../users/queries.ts'
import { NewUserSchema } from '../users/schemas.ts'
import { syncUsers, type SyncChange } from '../users/sync-users.ts'
import { compileValidator } from '../http/validator.ts'
import { formatTable, printable } from './table.ts'
import type { Terminal } from './terminal.ts'

const help = `npm run users -- COMMAND [--json]

  list [PART]               the users, or those whose username or e-mail contains PART
  show USER                 one user, by id, username or e-mail
  add USERNAME EMAIL        adds a user, who is bound to the first id token with that e-mail, verified
  disable USER              refuses the user from the next request on
  enable USER               lets the user in again
  remove USER               removes the user; the articles stay
  sync [--dry-run] [--force]
                            makes the users follow their Cognito user pools (needs AWS credentials)

  --json                    prints JSON, for scripts
  --dry-run                 with sync: says what would be done, and does nothing
  --force                   with sync: disables users that the pool does not list, also where more than 10 % of them (at
                            least 5) are missing, or all are; without it, sync then stops and disables none of them
  --pages-per-second N      with sync: how many pages of 60 users to ask for a second (5)

It reads the same environment as the service: DATABASE_URL, and for sync AWS_USER_POOLS_ID and the AWS SDK's own variables.`

const actor = serviceActor('command line')

class UsageError extends Error {}

/** How many operands each command takes, at least and at most. */
const commands: Partial<Record<string, [number, number]>> = {
  help: [0, Infinity], list: [0, 1], show: [1, 1], add: [2, 2], disable: [1, 1], enable: [1, 1], remove: [1, 1], sync: [0, 0]
}

if (import.meta.main) process.exitCode = await users(process.argv.slice(2), process)

/** @returns the exit status */
export async function users (args: string[], terminal: Terminal): Promise<number> {
  const console = new Console(terminal.stdout, terminal.stderr)
  try {
    console.log(await run(args, terminal, line => console.log(line)))
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : `${error}`)
    if (error instanceof UsageError) console.error('\n' + help)
    return error instanceof UsageError ? 2 : 1
  }
}

interface Arguments {
  command: string
  operands: string[]
  json: boolean
  dryRun: boolean
  force: boolean
  pagesPerSecond: number
}

/** @param print for what is told while it happens; the rest is returned */
async function run (args: string[], terminal: Terminal, print: (line: string) => void): Promise<string> {
  const { command, operands: [first = '', second = ''], json, dryRun, force, pagesPerSecond } = parse(args)
  if (command === 'help') return help
  if (command === 'add') checkNewUser(first, second)

  const database = openDatabase(readDatabaseUrl(terminal.env))
  const { db } = database
  try {
    await migrateToLatest(database)
    switch (command) {
      case 'list': return await list(db, first, json)
      case 'show': return show(await findOne(db, first), json)
      case 'add': return show(await addUser(db, actor, { username: first, email: second, issuer: null, sub: null }), json)
      case 'disable': return show(await changeUser(db, actor, (await findOne(db, first)).id, { disabled: true }), json)
      case 'enable': return show(await changeUser(db, actor, (await findOne(db, first)).id, { disabled: false }), json)
      case 'remove': return await remove(db, first, json)
      // sync: parse() lets no other through.
      default: return await sync(db, { json, dryRun, force, pagesPerSecond }, terminal, print)
    }
  } finally {
    await database.close()
  }
}

function parse (args: string[]): Arguments {
  const { positionals: [command = 'help', ...operands], values } = parseOptions(args)
  const [least, most] = (values.help ? commands.help : commands[command]) ?? []
  if (least === undefined || most === undefined) throw new UsageError(`There is no command ${quoted(command)}.`)
  if (operands.length < least || operands.length > most) throw new UsageError('The command takes other arguments.')
  const pagesPerSecond = Number(values['pages-per-second'])
  if (!(pagesPerSecond > 0 && pagesPerSecond <= 30)) throw new UsageError('--pages-per-second takes a number up to 30.')
  return { command: values.help ? 'help' : command, operands, json: values.json ?? false, dryRun: values['dry-run'] ?? false, force: values.force ?? false, pagesPerSecond }
}

function parseOptions (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: 'boolean' }, json: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, force: { type: 'boolean' }, 'pages-per-second': { type: 'string', default: '5' } }
    })
  } catch (error) {
    throw new UsageError(printable(error instanceof Error ? error.message : String(error)))
  }
}

function quoted (text: string): string {
  return printable(JSON.stringify(text))
}

async function list (db: Database, q: string, json: boolean): Promise<string> {
  const users: User[] = []
  let after: number | undefined = 0
  while (after !== undefined) {
    const page: Awaited<ReturnType<typeof listUsers>> = await listUsers(db, { limit: 100, after, order: 'asc', q })
    users.push(...page.rows)
    after = page.next
  }
  return json ? JSON.stringify(users) : table(users)
}

/** @throws {UsageError} where no user can be called so */
function checkNewUser (username: string, email: string): void {
  const validated = compileValidator({ schema: NewUserSchema, httpPart: 'body', method: '', url: '' })({ username, email })
  const error = typeof validated === 'object' && 'error' in validated ? validated.error : undefined
  if (error instanceof Problem) throw new UsageError(error.errors?.map(({ path, message }) => `${path.slice(1)} ${message}`).join('; '))
}

async function remove (db: Database, name: string, json: boolean): Promise<string> {
  const user = await findOne(db, name)
  await removeUser(db, actor, user.id)
  return json ? JSON.stringify(user) : `Removed ${printable(user.username)}.`
}

async function findOne (db: Database, name: string): Promise<User> {
  const user = (/^\d{1,15}$/.test(name) ? await findUser(db, Number(name)) : undefined) ?? await findUserByUsername(db, name) ?? await findUserByEmail(db, name)
  if (user === undefined) throw new Error(`There is no user ${quoted(name)}.`)
  return user
}

type SyncCommand = Pick<Arguments, 'json' | 'dryRun' | 'force' | 'pagesPerSecond'>

async function sync (db: Database, { json, dryRun, force, pagesPerSecond }: SyncCommand, { env, stderr }: Terminal, print: (line: string) => void): Promise<string> {
  const config = readConfig(env)
  const client = userPoolClient(config.endpoint)
  const changes: SyncChange[] = []
  try {
    for (const { userPoolId, original: issuer } of listIssuers(config).filter(({ optional }) => !optional)) {
      const total = await client.estimateUsers(userPoolId).catch(() => undefined)
      await syncUsers(db, client, {
        userPoolId,
        issuer,
        dryRun,
        force,
        pagesPerSecond,
        onChange: change => {
          changes.push(change)
          if (!json) print(`${stderr.isTTY ? '\r\x1b[K' : ''}${change.action}  ${printable(change.username)}  ${printable(change.detail)}`)
        },
        onPage: seen => {
          const progress = `${userPoolId}: ${seen}${total === undefined ? '' : ` of about ${total}`} users seen, ${changes.length} changes`
          stderr.write(stderr.isTTY ? `\r\x1b[K${bar(seen, total)}${progress}` : `${progress}\n`)
        }
      })
    }
  } catch (error) {
    // A script is told what was done before the run stopped.
    if (json && changes.length > 0) print(JSON.stringify(changes))
    throw error
  } finally {
    if (stderr.isTTY) stderr.write('\n')
    await client.close()
  }
  return json ? JSON.stringify(changes) : `${dryRun ? 'Would make' : 'Made'} ${changes.length} changes.`
}

function bar (seen: number, total: number | undefined): string {
  return total === undefined ? '' : `[${'#'.repeat(Math.round(30 * Math.min(1, seen / Math.max(1, total)))).padEnd(30, '.')}] `
}

function show (user: User, json: boolean): string {
  return json ? JSON.stringify(user) : table([user])
}

function table (users: User[]): string {
  return formatTable(['ID', 'USERNAME', 'E-MAIL', 'STATE', 'SUBJECT'], users.map(({ id, username, email, disabled, sub }) =>
    [id, username, email, disabled ? 'disabled' : sub === null ? 'not bound yet' : 'active', sub]))
}
