import type { FastifyRequest } from 'fastify'
import { Problem } from '../problems/catalogue.ts'
import { checkPreconditions, dependsOnVersion, type Preconditions } from './conditional-request.ts'

/** A row that its author and administrators may change. */
export interface AuthoredRow {
  /** The id of the author's local user; null where the user was removed. */
  authorId: number | null
  /** Counts the changes of the row. */
  version: number
}

/** A resource of rows with authors. */
export interface AuthoredResource<Row extends AuthoredRow> {
  /** The noun in messages, such as `article`. */
  noun: string
  find (): Promise<Row | undefined>
  entityTag (row: Row): string
}

export interface AuthoredChange {
  userId: number
  isAdmin: boolean
  preconditions: Preconditions
}

/** The change that a PATCH or DELETE request asks for. Members of the admin group may change every row. */
export function changeOf ({ headers, localUser, user }: FastifyRequest, adminGroup: string): AuthoredChange {
  return { userId: localUser.id, isAdmin: user.groups.includes(adminGroup), preconditions: headers }
}

/**
 * A change that loses this often is rejected. A second loss needs a list of entity tags in `If-Match`, or two
 * equal tags in a row.
 */
const maxAttempts = 3

/**
 * Changes a row for its author or an administrator. Each attempt is one read and one conditional statement,
 * without a lock.
 *
 * 1. Without preconditions, or with `If-Match: *`, the last change wins. The statement demands only the
 *    checked author.
 * 2. With entity tags, the statement also demands the checked version. A change that loses is checked again.
 * @param apply changes the row if it still has its author and, where given, the version; otherwise returns
 *   undefined
 * @throws {Problem} `not_found`, `forbidden`, `precondition_failed`
 */
export async function changeAuthored<Row extends AuthoredRow, Result> (
  resource: AuthoredResource<Row>,
  change: AuthoredChange,
  apply: (row: Row, version: number | undefined) => Promise<Result | undefined>
): Promise<Result> {
  const demandsVersion = dependsOnVersion(change.preconditions)
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const row = await findPermitted(resource, change)
    const result = await apply(row, demandsVersion ? row.version : undefined)
    if (result !== undefined) return result
  }
  throw new Problem('precondition_failed', `The ${resource.noun} has changed since you read it. Read it again.`)
}

async function findPermitted<Row extends AuthoredRow> (
  { noun, find, entityTag }: AuthoredResource<Row>, { userId, isAdmin, preconditions }: AuthoredChange
): Promise<Row> {
  const row = await find()
  if (row === undefined) throw new Problem('not_found', `There is no such ${noun}.`)
  if (row.authorId !== userId && !isAdmin) {
    throw new Problem('forbidden', `Only the author of this ${noun} or an administrator may change it.`)
  }
  checkPreconditions(preconditions, entityTag(row))
  return row
}
