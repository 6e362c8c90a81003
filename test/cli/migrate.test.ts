import { existsSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import t from 'tap'
import { postgresUrlForm } from '../../src/database/postgres/url.ts'
import { run } from '../support/service-process.ts'

t.test('npm run migrate applies the pending migrations and prints them, and none the second time', async t => {
  const path = `${t.testdir()}/data/articles.db`
  const DATABASE_URL = `sqlite:${path}`
  const first = run(t, 'src/cli/migrate.ts', { DATABASE_URL })
  t.equal(await first.exited, 0)
  t.match(first.output, { stdout: /^Applied 2026-11-23-01-users-articles-key-sets\.\n/, stderr: '' })

  const second = run(t, 'src/cli/migrate.ts', { DATABASE_URL })
  t.equal(await second.exited, 0)
  t.strictSame(second.output, { stdout: 'There are no pending migrations.\n', stderr: '' })
  t.notOk(existsSync(`${path}-wal`), 'the command closed the database')
})

t.test('npm run migrate runs safely four times at once on one file', async t => {
  const path = `${t.testdir()}/articles.db`
  const runs = Array.from({ length: 4 }, () => run(t, 'src/cli/migrate.ts', { DATABASE_URL: `sqlite:${path}` }))
  t.strictSame(await Promise.all(runs.map(({ exited }) => exited)), [0, 0, 0, 0], runs.map(({ output }) => output.stderr).join(''))
  t.equal(runs.filter(({ output }) => output.stdout.startsWith('Applied ')).length, 1)
  const file = new BetterSqlite3(path)
  t.teardown(() => file.close())
  t.ok(file.prepare('SELECT * FROM articles').all())
})

t.test('npm run migrate reports a failure in one line on stderr with status 1', async t => {
  const folder = t.testdir({ 'letter.db': 'This is a letter, and not a database at all.' })
  const failures = {
    [`sqlite:${folder}/letter.db`]: 'The database was not migrated: file is not a database\n',
    'mysql://articles:hunter2@db': `The database was not migrated: DATABASE_URL: the value (not shown) is invalid; expected sqlite:<path>, sqlite::memory: or ${postgresUrlForm}\n`
  }
  for (const [DATABASE_URL, stderr] of Object.entries(failures)) {
    const { exited, output } = run(t, 'src/cli/migrate.ts', { DATABASE_URL })
    t.equal(await exited, 1)
    t.strictSame(output, { stdout: '', stderr })
  }
})

t.test('npm run migrate -- --help prints the help and does not migrate', async t => {
  const path = `${t.testdir()}/articles.db`
  const { exited, output } = run(t, 'src/cli/migrate.ts', { DATABASE_URL: `sqlite:${path}` }, { args: ['--help'] })
  t.equal(await exited, 0)
  t.match(output, { stdout: /^npm run migrate: /, stderr: '' })
  t.notOk(existsSync(path))
})
