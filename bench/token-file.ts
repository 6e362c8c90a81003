import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeKey, type UserPool } from '../test/support/user-pool.ts'

interface TokenFileOptions {
  /** The number of users, who take turns. */
  users?: number
  /** Whether another key signs, under the key id of the user pool. */
  isForged?: boolean
}

/** Writes a file with one id token in each line, and returns its path. */
export function writeTokenFile (pool: UserPool, folder: string, count: number, { users = 1, isForged = false }: TokenFileOptions = {}): string {
  const path = join(folder, `${count}-${users}-${isForged ? 'forged' : 'genuine'}.tokens`)
  const key = isForged ? makeKey(pool.key.kid) : pool.key
  const claims = (name: string) => ({ sub: name, 'cognito:username': name, email: `${name}@example.com` })
  const token = (n: number) => pool.idToken(users === 1 ? {} : claims(`user-${n % users}`), key)
  writeFileSync(path, Array.from({ length: count }, (_, n) => token(n)).join('\n'))
  return path
}
