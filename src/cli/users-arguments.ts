import { parseArgs } from 'node:util'
import { printable } from './table.ts'

export const usersHelp = `npm run users -- COMMAND [--json]

  list [PART]               the users, or those whose username or e-mail contains PART
  show USER                 one user, by id, username or e-mail
  add USERNAME EMAIL        adds a user, who is bound to the first token that proves the address
  add USERNAME [EMAIL] --subject SUBJECT
                            adds a user, or a machine client, who is bound at once
  disable USER              rejects the user from the next request on
  enable USER               lets the user in again
  remove USER               removes the user; the articles stay
  bind USER SUBJECT         binds the user to another identity; the articles stay with the user
  unbind USER               binds the user to no identity
  rebind --from POOL --to POOL [--dry-run]
                            binds the users of a pool that was replaced to their users in the new pool, by verified
                            e-mail address; run it again to resume it (needs AWS credentials)
  sync [--dry-run] [--force]
                            makes the users follow their Cognito user pools (needs AWS credentials)

  --json                    prints JSON, for scripts
  --subject SUBJECT         with add: the subject of the user's tokens, or a client id
  --pool POOL               with bind and add: the id of the user pool, where there are several
  --dry-run                 with sync and rebind: reports the changes without making them
  --force                   with sync: disables users that the pool does not list, also where more than 10 % of them (at
                            least 5) are missing, or all are; without it, sync then stops and disables none of them
  --pages-per-second N      with sync and rebind: pages of 60 users to request per second (5)

The commands read the environment of the service: DATABASE_URL, and for bind, add --subject, rebind and sync also
AWS_USER_POOLS_ID and the AWS SDK's own variables.`

/** The command line was wrong; the help follows the message. */
export class UsageError extends Error {}

/** The least and the greatest number of operands of each command. */
const commands: Partial<Record<string, [number, number]>> = {
  help: [0, Infinity],
  list: [0, 1],
  show: [1, 1],
  add: [1, 2],
  disable: [1, 1],
  enable: [1, 1],
  remove: [1, 1],
  bind: [2, 2],
  unbind: [1, 1],
  rebind: [0, 0],
  sync: [0, 0]
}

export interface UsersArguments {
  command: string
  operands: string[]
  json: boolean
  dryRun: boolean
  force: boolean
  pagesPerSecond: number
  subject: string | undefined
  pool: string | undefined
  from: string
  to: string
}

/** @throws {UsageError} */
export function parseUsersArguments (args: string[]): UsersArguments {
  const { positionals: [given = 'help', ...operands], values } = parseOptions(args)
  const command = values.help ? 'help' : given
  const [least, greatest] = commands[command] ?? []
  if (least === undefined || greatest === undefined) throw new UsageError(`There is no command ${printable(JSON.stringify(command))}.`)
  if (operands.length < least || operands.length > greatest) throw new UsageError('The command takes other arguments.')
  const pagesPerSecond = Number(values['pages-per-second'])
  if (!(pagesPerSecond > 0 && pagesPerSecond <= 30)) throw new UsageError('--pages-per-second takes a number up to 30.')
  const { from = '', to = '' } = values
  if (command === 'rebind' && (from === '' || to === '' || from === to)) throw new UsageError('rebind takes two user pools: --from POOL --to POOL.')
  return {
    command,
    operands,
    json: values.json ?? false,
    dryRun: values['dry-run'] ?? false,
    force: values.force ?? false,
    pagesPerSecond,
    subject: values.subject,
    pool: values.pool,
    from,
    to
  }
}

function parseOptions (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean' },
        json: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        force: { type: 'boolean' },
        'pages-per-second': { type: 'string', default: '5' },
        subject: { type: 'string' },
        pool: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' }
      }
    })
  } catch (error) {
    throw new UsageError(printable(error instanceof Error ? error.message : String(error)))
  }
}
