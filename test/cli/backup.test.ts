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

/** Runs the command over a database file, and gives its exit status and what it wrote. */
async function backup (path: string, ...args: string[]): Promise<Outcome> {
  return runCommand(command, args, { DATABASE_URL: `sqlite:${path}` })
}

/** The same as a process of its own, as `npm run backup` does it. */
async function backupProcess (t: Test, path: string, ...args: string[]): Promise<Outcome> {
  const { exited, output } = run(t, 'src/cli/backup.ts', { DATABASE_URL: `sqlite:${path}` }, { args })
  return { status: await exited, ...output }
}

/** A migrated database with articles of these names. */
async function makeDatabase (path: string, ...names: string[]): Promise<void> {
  const db = openDatabase(`sqlite:${path}`)
  await migrateToLatest(db)
  const author = await insertUser(db, { username: 'alice', email: null, issuer: null, sub: null })
  for (const name of names) if (author !== undefined) await insertArticle(db, { name, author })
  await db.destroy()
}

/** Makes a database larger, so that a backup takes its time. */
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

t.test('a backup that is made while the service writes holds all from before it, and is restored under a new service', async t => {
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
  t.notOk(readdirSync(folder).some(name => name.startsWith('copy.db') && name !== 'copy.db'), 'it is one file')
  const kept = namesIn(`${folder}/copy.db`)
  t.strictSame(kept.slice(0, before.length), before)
  t.strictSame(kept, acknowledged.slice(0, kept.length).concat(kept.length > acknowledged.length ? [`article ${acknowledged.length}`] : []), 'and no gap after it')

  const inUse = await backupProcess(t, path, '--restore', `${folder}/copy.db`)
  t.match(inUse, { status: 1, stdout: '', stderr: /articles\.db is in use, or cannot be locked; stop the service first\.\n$/ })
  await create()
  service.child.kill('SIGKILL')
  await service.exited

  const restored = await backupProcess(t, path, '--restore', `${folder}/copy.db`)
  t.match(restored, { status: 0, stderr: '' })
  const aside = /What was there is in (.*)\.\n$/.exec(restored.stdout)?.[1] ?? ''
  t.strictSame(namesIn(aside), acknowledged, 'what the restore replaced has all of it, that of the write-ahead log too')
  t.notOk(existsSync(`${path}-wal`))

  const again = await startService(t, environment(pool, { DATABASE_URL: `sqlite:${path}` }))
  const newest = await (await fetch(`${again.url}/articles?limit=1&order=desc`, { headers })).json()
  t.match(newest, [{ name: kept.at(-1) }])
  again.child.kill('SIGTERM')
  t.equal(await again.exited, 0)
  t.strictSame(namesIn(path), kept)
})

t.test('a backup replaces a file only when told to, and never the database itself', async t => {
  const folder = t.testdir({ 'there.db': 'something' })
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a')
  t.match(await backup(path, `${folder}/there.db`), { status: 1, stderr: /there\.db is there already; --force replaces it\.\n$/ })
  t.equal(readFileSync(`${folder}/there.db`, 'utf8'), 'something')
  t.match(await backup(path, `${folder}/there.db`, '--force'), { status: 0, stderr: '' })
  t.strictSame(namesIn(`${folder}/there.db`), ['a'])
  t.match(await backup(path, path, '--force'), { status: 1, stderr: /articles\.db is the database itself\.\n$/ })
  t.match(await backup(path, '--restore', path), { status: 1, stderr: /articles\.db is the database itself\.\n$/ })
  t.strictSame(namesIn(path), ['a'])
})

t.test('a backup that fails is one line, and leaves nothing behind', async t => {
  const folder = t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })
  await makeDatabase(`${folder}/damaged.db`, ...Array.from({ length: 500 }, (_, n) => `article ${n}`))
  const pages = readFileSync(`${folder}/damaged.db`)
  writeFileSync(`${folder}/damaged.db`, pages.fill(0xab, pages.length - 8192))
  new BetterSqlite3(`${folder}/other.db`).exec('create table boxes (label text)').close()
  const files = readdirSync(folder)
  t.match(await backup(`${folder}/none.db`, `${folder}/copy.db`), { status: 1, stderr: /^There is no database .*none\.db\.\n$/ })
  t.match(await backup(`${folder}/letter.db`, `${folder}/copy.db`), { status: 1, stderr: /^[^\n]*file is not a database\n$/ })
  t.match(await backup(`${folder}/damaged.db`, `${folder}/copy.db`), { status: 1, stderr: /^.*damaged\.db cannot be used: .+\n$/ })
  t.match(await backup(`${folder}/other.db`, `${folder}/copy.db`), { status: 1, stderr: /^.*other\.db cannot be used: it holds no articles\.\n$/ })
  t.match(await backup(`${folder}/other.db`, `${folder}/none/copy.db`), { status: 1, stderr: /^There is no folder .*none\.\n$/ })
  t.strictSame(readdirSync(folder), files)
})

t.test('a restore needs no database to replace, and one that it replaces may be damaged', async t => {
  const folder = t.testdir()
  await makeDatabase(`${folder}/copy.db`, 'a', 'b')
  const path = `${folder}/new/articles.db`
  t.match(await backup(path, '--restore', `${folder}/copy.db`), { status: 0, stdout: /^Restored .*articles\.db from .*copy\.db\.\n$/, stderr: '' })
  t.strictSame(namesIn(path), ['a', 'b'])

  for (const suffix of ['', '-wal', '-shm']) writeFileSync(`${path}${suffix}`, `a letter${suffix}`)
  const { status, stdout } = await backup(path, '--restore', `${folder}/copy.db`)
  t.equal(status, 0)
  const aside = /What was there is in (.*)\.\n$/.exec(stdout)?.[1] ?? ''
  for (const suffix of ['', '-wal']) t.equal(readFileSync(`${aside}${suffix}`, 'utf8'), `a letter${suffix}`)
  t.strictSame(namesIn(path), ['a', 'b'])
})

t.test('a restore sets aside a write-ahead log whose database is gone, which would be added to the backup', async t => {
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

t.test('a restore to a folder that cannot be made fails with one line', { skip: process.platform !== 'linux' }, async t => {
  const folder = t.testdir()
  await makeDatabase(`${folder}/articles.db`, 'First')
  t.equal((await backup(`${folder}/articles.db`, `${folder}/copy.db`)).status, 0)
  const { status, stderr } = await backupProcess(t, '/proc/nope/x.db', '--restore', `${folder}/copy.db`)
  t.equal(status, 1)
  t.match(stderr, /^[^\n]*\/proc\/nope[^\n]*\n$/)
})

t.test('a restore of what is no backup replaces nothing', async t => {
  const folder = t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })
  const path = `${folder}/articles.db`
  await makeDatabase(path, 'a')
  copyFileSync(path, `${folder}/open.db`)
  writeFileSync(`${folder}/open.db-wal`, '')
  const files = readdirSync(folder)
  t.match(await backup(path, '--restore', `${folder}/none.db`), { status: 1, stderr: /^There is no backup .*none\.db\.\n$/ })
  t.match(await backup(path, '--restore', `${folder}/letter.db`), { status: 1, stderr: /letter\.db cannot be used: file is not a database\.\n$/ })
  t.match(await backup(path, '--restore', `${folder}/open.db`), { status: 1, stderr: /open\.db has a write-ahead log beside it/ })
  t.strictSame(readdirSync(folder), files)
  t.strictSame(namesIn(path), ['a'])
})

t.test('a backup that is broken off leaves nothing behind', async t => {
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

t.test('npm run backup tells how it is used, and what is not for it', async t => {
  const path = `${t.testdir()}/articles.db`
  t.match(await backupProcess(t, path, '--help'), { status: 0, stdout: /^npm run backup -- FILE/, stderr: '' })
  t.match(await backupProcess(t, path), { status: 2, stdout: '', stderr: /\n\nnpm run backup -- FILE/ })
  for (const args of [['one.db', 'two.db'], ['--restore', 'one.db', 'two.db'], ['--away']]) {
    t.match(await backup(path, ...args), { status: 2, stdout: '', stderr: /\n\nnpm run backup -- FILE/ }, args.join(' '))
  }
  for (const [DATABASE_URL, line] of Object.entries({
    'postgres://articles:hunter2@db/articles': 'DATABASE_URL names a PostgreSQL database: back it up with pg_dump, and restore it with pg_restore.\n',
    'sqlite::memory:': 'DATABASE_URL names a database in memory, of which there is no backup.\n'
  })) {
    t.strictSame(await runCommand(command, ['copy.db'], { DATABASE_URL }), { status: 1, stdout: '', stderr: line })
  }
})
