import { isForeignKeyViolation } from '../database/errors.ts'
import { Problem } from '../problems/catalogue.ts'

/**
 * Handles the error of a statement that inserts a row of the current user. An administrator may remove the
 * user while the request is in progress; the foreign key to `users` then rejects the row.
 * @throws {Problem} `no_such_user` for a violated foreign key; otherwise the error itself
 */
export function refuseRemovedUser (error: unknown): never {
  if (isForeignKeyViolation(error)) throw new Problem('no_such_user', 'An administrator has removed this user.', { cause: error })
  throw error
}
