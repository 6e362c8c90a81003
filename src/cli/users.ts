import { Console } from 'node:console'
import { serviceActor } from '../audit/actor.ts'
import { readDatabaseUrl } from '../config.ts'
import { migrateToLatest } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'
import type { Database } from '../database/tables.ts'
import { compileValidator } from '../http/validator.ts'
import { Problem } from '../problems/catalogue.ts'
import { addUser, changeUser, removeUser } from '../users/manage-users.ts'
import { listUsers, type User } from '../users/queries.ts'
import { NewUserSchema } from '../users/schemas.ts'
import { findUserByName } from './find-user.ts'
import { formatTable, printable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { parseUsersArguments, UsageError, usersHelp, type UsersArguments } from './users-arguments.ts'
import { readIdentity, rebind } from './users-bind.ts'
import { sync } from './users-sync.ts'

const actor = serviceActor('command line')

if (import.meta.main) process.exitCode = await users(process.argv.slice(2), process)

/** @returns the exit status */
export async function users (args: string[], terminal: Terminal): Promise<number> {
  const console = new Console(terminal.stdout, terminal.stderr)
  try {
    console.log(await run(parseUsersArguments(args), terminal, line => console.log(line)))
    return 0
  } catch (error) {
    console.error(error instanceof Error ? describe(error) : `${error}`)
    if (error instanceof UsageError) console.error('\n' + usersHelp)
    return error instanceof UsageError ? 2 : 1
  }
}

/**
 * @param print prints a line at once
 * @returns the text to print at the end
 */
async function run (args: UsersArguments, terminal: Terminal, print: (line: string) => void): Promise<string> {
  if (args.command === 'help') return usersHelp
  if (args.command === 'add') checkNewUser(args)
  const database = openDatabase(readDatabaseUrl(terminal.env))
  const { db } = database
  try {
    await migrateToLatest(database)
    if (args.command === 'list') return await list(db, args)
    if (args.command === 'sync') return await sync(db, args, terminal, print)
    if (args.command === 'rebind') return await rebind(db, args, terminal, print)
    return await changeOne(db, args, terminal)
  } finally {
    await database.close()
  }
}

async function changeOne (db: Database, { command, operands: [name = '', second], subject, pool, json }: UsersArguments, { env }: Terminal): Promise<string> {
  if (command === 'add') {
    const identity = subject === undefined ? undefined : readIdentity(env, subject, pool)
    const newUser = { username: name, email: second ?? null, issuer: identity?.issuer ?? null, sub: identity?.subject ?? null }
    return show(await addUser(db, actor, newUser), json)
  }
  const user = await findUserByName(db, name)
  const change = async (changes: Parameters<typeof changeUser>[3]) => show(await changeUser(db, actor, user.id, changes), json)
  switch (command) {
    case 'show': return show(user, json)
    case 'disable': return change({ disabled: true })
    case 'enable': return change({ disabled: false })
    case 'bind': return change({ identity: readIdentity(env, second ?? '', pool) })
    case 'unbind': return change({ identity: null })
    // The arguments allow no other command.
    default:
      await removeUser(db, actor, user.id)
      return json ? JSON.stringify(user) : `Removed ${printable(user.username)}.`
  }
}

async function list (db: Database, { operands: [q = ''], json }: UsersArguments): Promise<string> {
  const users: User[] = []
  let after: number | undefined = 0
  while (after !== undefined) {
    const page: Awaited<ReturnType<typeof listUsers>> = await listUsers(db, { limit: 100, after, order: 'asc', q })
    users.push(...page.rows)
    after = page.next
  }
  return json ? JSON.stringify(users) : table(users)
}

/** @throws {UsageError} where the API would reject such a user */
function checkNewUser ({ operands: [username, email], subject }: UsersArguments): void {
  if (email === undefined && subject === undefined) throw new UsageError('add takes an e-mail address, or --subject.')
  const body = { username, ...(email !== undefined && { email }), ...(subject !== undefined && { subject }) }
  const validated = compileValidator({ schema: NewUserSchema, httpPart: 'body', method: '', url: '' })(body)
  const error = typeof validated === 'object' && 'error' in validated ? validated.error : undefined
  if (error instanceof Problem) throw new UsageError(error.errors?.map(({ path, message }) => `${path.slice(1)} ${message}`).join('; '))
}

function describe (error: Error): string {
  const faults = error instanceof Problem ? error.errors?.map(({ path, message }) => `${path.slice(1)} ${message}`).join('; ') : undefined
  return faults ?? error.message
}

function show (user: User, json: boolean): string {
  return json ? JSON.stringify(user) : table([user])
}

function table (users: User[]): string {
  return formatTable(['ID', 'USERNAME', 'E-MAIL', 'STATE', 'SUBJECT'], users.map(({ id, username, email, disabled, sub }) =>
    [id, username, email, disabled ? 'disabled' : sub === null ? 'not bound yet' : 'active', sub]))
}
