import BetterSqlite3 from 'better-sqlite3'
import t from 'tap'
import { migrateToLatest } from '../../../src/database/migrate.ts'
import { openDatabase } from '../../../src/database/open.ts'
import { backUp } from '../../../src/database/sqlite/backup.ts'

t.test('backUp copies one consistent state while another connection commits', async t => {
  const folder = t.testdir()
  const path = `${folder}/articles.db`
  const database = openDatabase(`sqlite:${path}`)
  await migrateToLatest(database)
  await database.close()
  // Every commit changes both ends of the file, which are copied at different times.
  const writer = new BetterSqlite3(path)
  t.teardown(() => writer.close())
  writer.exec(`
    create table first (commits integer); insert into first values (0);
    create table filling as with recursive n (i) as (select 1 union all select i + 1 from n where i < 20) select randomblob(1000000) as bytes from n;
    create table last (commits integer); insert into last values (0)`)
  let commits = 0
  const commit = writer.transaction(() => {
    commits++
    for (const table of ['first', 'last']) writer.prepare(`update ${table} set commits = ?`).run(commits)
    writer.prepare('insert into filling values (randomblob(100000))').run()
  })
  commit()

  await backUp(path, `${folder}/copy.db`, {
    replace: false,
    onProgress: (done, total) => { if (commits < 10 && done < total) commit() }
  })
  t.ok(commits > 2, `${commits} commits`)
  const copy = new BetterSqlite3(`${folder}/copy.db`, { readonly: true })
  t.teardown(() => copy.close())
  t.strictSame(copy.prepare('select first.commits as first, last.commits as last, (select count(*) from filling) as filled from first, last').get(), { first: 1, last: 1, filled: 21 })
})
