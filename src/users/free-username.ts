import { randomInt } from 'node:crypto'
import type { Database } from '../database/tables.ts'
import { listUsersByNames } from './queries.ts'

interface Wanted {
  issuer: string | null
  username: string
  /** The user that the name is for, where there is one already. */
  id?: number
}

const maxNumber = 20
const maxCharacters = 128

/**
 * A name that no other user of the issuer has, and no other unbound user. A name that is taken gets a number,
 * as in `alice-2`. After twenty users of one name the number is random, so that one query is enough.
 */
export async function findFreeUsername (db: Database, { issuer, username, id }: Wanted): Promise<string> {
  const numbered = Array.from({ length: maxNumber - 1 }, (_, index) => withNumber(username, index + 2))
  const names = [username, ...numbered]
  const others = (await listUsersByNames(db, issuer, names)).filter(user => user.id !== id)
  const taken = new Set(others.map(user => user.username))
  return names.find(name => !taken.has(name)) ?? withNumber(username, randomInt(1_000_000_000, 10_000_000_000))
}

function withNumber (name: string, number: number): string {
  const suffix = `-${number}`
  return [...name].slice(0, maxCharacters - suffix.length).join('') + suffix
}
