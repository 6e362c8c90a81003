import { Problem, type InputFault } from '../problems/catalogue.ts'
import type { Identity } from './identity.ts'

export interface Binding {
  subject?: string | null
  userPoolId?: string | null
}

/**
 * The identity that an administrator names by subject and user pool; null where the user is to be unbound,
 * undefined where neither is given. The pool may be left out where there is only one.
 * @param issuers the issuer of each user pool, by its id
 * @throws {Problem} `validation_failed`
 */
export function readBinding ({ subject, userPoolId }: Binding, issuers: ReadonlyMap<string, string>): Identity | null | undefined {
  if (subject === undefined && userPoolId === undefined) return undefined
  if (subject === undefined) throw invalid('/subject', 'is required beside userPoolId')
  if (subject === null) {
    if (typeof userPoolId === 'string') throw invalid('/userPoolId', 'must be null where subject is null')
    return null
  }
  if (userPoolId === null) throw invalid('/userPoolId', 'must be a user pool where subject is not null')
  const [onlyPool, ...otherPools] = issuers.keys()
  if (userPoolId === undefined && otherPools.length > 0) throw invalid('/userPoolId', 'is required where there are several user pools')
  const issuer = issuers.get(userPoolId ?? onlyPool ?? '')
  if (issuer === undefined) throw invalid('/userPoolId', 'is not a user pool of this service')
  return { issuer, subject }
}

function invalid (path: string, message: string): Problem {
  const errors: InputFault[] = [{ in: 'body', path, message }]
  return new Problem('validation_failed', 'The request is not valid.', { errors })
}
