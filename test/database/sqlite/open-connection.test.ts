import { chmodSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openConnection } from '../../../src/database/sqlite/open-connection.ts'

const isRoot = process.getuid?.() === 0

/** Runs synchronous work as the user `nobody` where the tests run as root, whom permissions do not stop. */
function withoutRoot<Result> (work: () => Result): Result {
  if (!isRoot) return work()
  process.seteuid?.(65_534)
  try {
    return work()
  } finally {
    process.seteuid?.(0)
  }
}

t.test('openConnection names path, owner, mode and user where a file is not accessible', { skip: process.platform === 'win32' }, t => {
  const folder = t.testdir()
  const user = isRoot ? 65_534 : process.getuid?.()
  writeFileSync(`${folder}/readonly.db`, '')
  chmodSync(`${folder}/readonly.db`, 0o444)
  chmodSync(folder, 0o555)
  for (const path of [`${folder}/articles.db`, `${folder}/new/articles.db`, `${folder}/readonly.db`]) {
    const owner = `${folder}${path.endsWith('readonly.db') ? '/readonly.db' : ''} belongs to user id ${process.getuid?.()} with mode `
    t.throws(() => withoutRoot(() => openConnection(path, false)), { message: new RegExp(`; .*the service runs as user id ${user}$`) }, path)
    t.throws(() => withoutRoot(() => openConnection(path, false)), { message: new RegExp(owner) }, path)
  }
  chmodSync(folder, 0o755)
  t.end()
})
