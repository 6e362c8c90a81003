import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { insertArticle } from '../../src/articles/queries.ts'
import { backup as command } from '../../src/cli/backup.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { insertUser } from '../../src/users/queries.ts'
import { runCommand, type Outcome } from '../support/command.ts'
import { bearer, environment, startPool } from '../support/app.ts'
import { run, startService } from '../support/service-process.ts'

/** Runs the command in this process on a database file. */
async function backup (path: string, ...args: string[]): Promise<Outcome> {
  return runCommand(command, args, { DATABASE_URL: `sqlite:${path}` })
}

/** Runs the command as a separate process, as `npm run backup` does. */
async function backupProcess (t: Test, path: string, ...args: string[]): Promise<Outcome> {
  const { exited, output } = run(t, 'src/cli/backup.ts', { DATABASE_URL: `sqlite:${path}` }, { args })
  return { status: await exited, ...output }
}

/** Makes a migrated database with articles of these names. */
async function makeDatabase (path: string, ...names: string[]): Promise<void> {
  const database = openDatabase(`sqlite:${path}`)
  const { db } = database
  await migrateToLatest(database)
  const author = await insertUser(db, { username: 'alice', email: null, issuer: null, sub: null })
  for (const name of names) if (author !== undefined) await insertArticle(db, { name, author })
  await database.close()
}

/** Makes a database larger, so that a backup takes longer. */
function fill (path: string, megabytes: number): void {
  const file = new BetterSqlite3(path)
  file.exec(`create table filling (bytes blob); insert into filling with recursive n (i) as (select 1 union all select i + 1 from n where i < ${megabytes}) select randomblob(1000000) from n`)
  file.close()
}

function namesIn (path: string): unknown[] {
  const file = new BetterSqlite3(path, { readonly: true })
  try {
    return file.prepare('select name from articles order by id').pluck().all()
  } finally {
    file.close()
  }
}

t.test('npm run backup copies every earlier write while the service writes, and the copy can be restored', async t => {
  const pool = await startPool(t)
  const folder = t.testdir()
  const path = `${folder}/articles.db`
  const headers = { ...bearer(pool.idToken()), 'content-type': 'application/json' }
  const service = await startService(t, environment(pool, { DATABASE_URL: `sqlite:${path}` }))
  const acknowledged: string[] = []
  const create = async () => {
    const name = `article ${acknowledged.length}`
    const response = await fetch(`${service.url}/articles`, { method: 'POST', headers, body: JSON.stringify({ name }) })
    if (response.status !== 201) throw new Error(`${response.status}`)
    acknowledged.push(name)
  }
  while (acknowledged.length < 50) await create()
  fill(path, 50)
  const before = [...acknowledged]
  const running = backupProcess(t, path, `${folder}/copy.db`)
  while (await Promise.race([running, undefined]) === undefined) await create()
  const { status, stdout, stderr } = await running
  t.strictSame({ status, stderr }, { status: 0, stderr: '' })
  t.match(stdout, /^Backed up .*articles\.db to .*copy\.db: \d+ bytes, checked\.\n$/)
  t.notOk(readdirSync(folder).some(name => name.startsWith('copy.db') && name !== 'copy.db'), 'the backup is one file')
  const backedUp = namesIn(`${folder}/copy.db`)
  t.strictSame(backedUp.slice(0, before.length), before)
  t.strictSame(backedUp, acknowledged.slice(0, backedUp.length).concat(backedUp.length > acknowledged.length ? [`article ${acknowledged.length}`] : []), 'the later articles have no gap')

  const inUse = await backupProcess(t, path, '--restore', `${folder}/copy.db`)
  t.match(inUse, { status: 1, stdout: '', stderr: /articles\.db is in use, or cannot be locked; stop the service first\.\n$/ })
  await create()
  service.child.kill('SIGKILL')
  await service.exited

  const restored = await backupProcess(t, path, '--restore', `${folder}/copy.db`)
  t.match(restored, { status: 0, stderr: '' })
  const oldDatabase = /The old database is (.*)\.\n$/.exec(restored.stdout)?.[1] ?? ''
  t.strictSame(namesIn(oldDatabase), acknowledged, 'the old database has every article, including those of the write-ahead log')
  t.notOk(existsSync(`${path}-wal`))

  const again = await startService(t, environment(pool, { DATABASE_URL: `sqlite:${path}` }))
  const newest = await (await fetch(`${again.url}/articles?limit=1&order=desc`, { headers })).json()
  t.match(newest, [{ name: backedUp.at(-1) }])
  again.child.kill('SIGTERM')
  t.equal(await again.exited, 0)
  t.strictSame(namesIn(path), backedUp)
})

t.test('npm run backup replaces a file only with --force, and never the database itself', async t => {
  const folder = t.testdir({ 'existing.db': 'something' })
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a')
  t.match(await backup(path, `${folder}/existing.db`), { status: 1, stderr: /existing\.db exists; --force replaces it\.\n$/ })
  t.equal(readFileSync(`${folder}/existing.db`, 'utf8'), 'something')
  t.match(await backup(path, `${folder}/existing.db`, '--force'), { status: 0, stderr: '' })
  t.strictSame(namesIn(`${folder}/existing.db`), ['a'])
  t.match(await backup(path, path, '--force'), { status: 1, stderr: /articles\.db is the database itself\.\n$/ })
  t.match(await backup(path, '--restore', path), { status: 1, stderr: /articles\.db is the database itself\.\n$/ })
  t.strictSame(namesIn(path), ['a'])
})

t.test('npm run backup reports a failure in one line and leaves no file', async t => {
  const folder = t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })
  await makeDatabase(`${folder}/damaged.db`, ...Array.from({ length: 500 }, (_, n) => `article ${n}`))
  const pages = readFileSync(`${folder}/damaged.db`)
  writeFileSync(`${folder}/damaged.db`, pages.fill(0xab, pages.length - 8192))
  new BetterSqlite3(`${folder}/other.db`).exec('create table boxes (label text)').close()
  const files = readdirSync(folder)
  t.match(await backup(`${folder}/none.db`, `${folder}/copy.db`), { status: 1, stderr: /^There is no database .*none\.db\.\n$/ })
  t.match(await backup(`${folder}/letter.db`, `${folder}/copy.db`), { status: 1, stderr: /^[^\n]*file is not a database\n$/ })
  t.match(await backup(`${folder}/damaged.db`, `${folder}/copy.db`), { status: 1, stderr: /^.*damaged\.db is unusable: .+\n$/ })
  t.match(await backup(`${folder}/other.db`, `${folder}/copy.db`), { status: 1, stderr: /^.*other\.db is unusable: it is not a database of this service\.\n$/ })
  t.match(await backup(`${folder}/other.db`, `${folder}/none/copy.db`), { status: 1, stderr: /^There is no folder .*none\.\n$/ })
  t.strictSame(readdirSync(folder), files)
})

t.test('npm run backup -- --restore accepts a missing or damaged old database', async t => {
  const folder = t.testdir()
  await makeDatabase(`${folder}/copy.db`, 'a', 'b')
  const path = `${folder}/new/articles.db`
  t.match(await backup(path, '--restore', `${folder}/copy.db`), { status: 0, stdout: /^Restored .*articles\.db from .*copy\.db\.\n$/, stderr: '' })
  t.strictSame(namesIn(path), ['a', 'b'])

  for (const suffix of ['', '-wal', '-shm']) writeFileSync(`${path}${suffix}`, `a letter${suffix}`)
  const { status, stdout } = await backup(path, '--restore', `${folder}/copy.db`)
  t.equal(status, 0)
  const oldDatabase = /The old database is (.*)\.\n$/.exec(stdout)?.[1] ?? ''
  for (const suffix of ['', '-wal']) t.equal(readFileSync(`${oldDatabase}${suffix}`, 'utf8'), `a letter${suffix}`)
  t.strictSame(namesIn(path), ['a', 'b'])
})

t.test('npm run backup -- --restore moves a write-ahead log without a database aside', async t => {
  const folder = t.testdir()
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a', 'b')
  copyFileSync(path, `${folder}/copy.db`)
  const file = new BetterSqlite3(path)
  file.exec('delete from articles')
  copyFileSync(`${path}-wal`, `${folder}/log`)
  file.close()
  rmSync(path)
  copyFileSync(`${folder}/log`, `${path}-wal`)

  t.match(await backup(path, '--restore', `${folder}/copy.db`), { status: 0, stderr: '' })
  t.strictSame(namesIn(path), ['a', 'b'])
})

t.test('npm run backup -- --restore reports a folder that cannot be made in one line', { skip: process.platform !== 'linux' }, async t => {
  const folder = t.testdir()
  await makeDatabase(`${folder}/articles.db`, 'First')
  t.equal((await backup(`${folder}/articles.db`, `${folder}/copy.db`)).status, 0)
  const { status, stderr } = await backupProcess(t, '/proc/nope/x.db', '--restore', `${folder}/copy.db`)
  t.equal(status, 1)
  t.match(stderr, /^[^\n]*\/proc\/nope[^\n]*\n$/)
})

t.test('npm run backup -- --restore rejects a file that is not a backup and replaces nothing', async t => {
  const folder = t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a')
  copyFileSync(path, `${folder}/open.db`)
  writeFileSync(`${folder}/open.db-wal`, '')
  const files = readdirSync(folder)
  t.match(await backup(path, '--restore', `${folder}/none.db`), { status: 1, stderr: /^There is no backup .*none\.db\.\n$/ })
  t.match(await backup(path, '--restore', `${folder}/letter.db`), { status: 1, stderr: /letter\.db is unusable: file is not a database\.\n$/ })
  t.match(await backup(path, '--restore', `${folder}/open.db`), { status: 1, stderr: /open\.db has a write-ahead log: it is in use/ })
  t.strictSame(readdirSync(folder), files)
  t.strictSame(namesIn(path), ['a'])
})

t.test('npm run backup leaves no file after SIGINT', async t => {
  const folder = t.testdir()
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a')
  fill(path, 150)
  mkdirSync(`${folder}/copies`)
  const { child, exited } = run(t, 'src/cli/backup.ts', { DATABASE_URL: `sqlite:${path}` }, { args: [`${folder}/copies/copy.db`] })
  while (readdirSync(`${folder}/copies`).length === 0 && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 5))
  child.kill('SIGINT')
  t.equal(await exited, 1)
  t.strictSame(readdirSync(`${folder}/copies`), [])
})

t.test('npm run backup prints its help and rejects wrong arguments and other databases', async t => {
  const path = `${t.testdir()}/articles.db`
  t.match(await backupProcess(t, path, '--help'), { status: 0, stdout: /^npm run backup -- FILE/, stderr: '' })
  t.match(await backupProcess(t, path), { status: 2, stdout: '', stderr: /\n\nnpm run backup -- FILE/ })
  for (const args of [['one.db', 'two.db'], ['--restore', 'one.db', 'two.db'], ['--away']]) {
    t.match(await backup(path, ...args), { status: 2, stdout: '', stderr: /\n\nnpm run backup -- FILE/ }, args.join(' '))
  }
  for (const [DATABASE_URL, line] of Object.entries({
    'postgres://articles:hunter2@db/articles': 'DATABASE_URL names a PostgreSQL database; use pg_dump and pg_restore.\n',
    'sqlite::memory:': 'DATABASE_URL names a database in memory, which has no backup.\n'
  })) {
    t.strictSame(await runCommand(command, ['copy.db'], { DATABASE_URL }), { status: 1, stdout: '', stderr: line })
  }
})
