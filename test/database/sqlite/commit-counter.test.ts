import BetterSqlite3 from 'better-sqlite3'
import t from 'tap'
import { commitCounter } from '../../../src/database/sqlite/commit-counter.ts'

for (const platform of ['linux', 'darwin'] as const) {
  t.test(`commitCounter on ${platform} changes with a commit of another connection, and with nothing else`, async t => {
    const path = `${t.testdir()}/boxes.db`
    const [file, other] = [new BetterSqlite3(path), new BetterSqlite3(path)]
    file.pragma('journal_mode = WAL')
    file.exec('create table boxes (id integer)')
    const counter = commitCounter(file, platform)
    t.teardown(() => {
      counter.close()
      file.close()
      other.close()
    })

    const first = counter.read()
    t.equal(counter.read(), first)
    other.exec('insert into boxes values (1)')
    const second = counter.read()
    t.not(second, first)
    t.equal(counter.read(), second)
    other.exec('begin; insert into boxes values (2); rollback')
    t.equal(counter.read(), second)
  })
}

t.test('commitCounter stays 0 for a database in memory', async t => {
  const file = new BetterSqlite3(':memory:')
  t.teardown(() => file.close())
  const counter = commitCounter(file)
  file.exec('create table boxes (id integer)')
  t.equal(counter.read(), 0)
  counter.close()
})
