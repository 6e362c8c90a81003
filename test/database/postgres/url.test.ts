import t from 'tap'
import { readPostgresUrl } from '../../../src/database/postgres/url.ts'

t.test('readPostgresUrl has defaults for missing parameters', async t => {
  for (const scheme of ['postgres', 'postgresql']) {
    t.strictSame(readPostgresUrl(`${scheme}://articles:secret@db:5433/articles`), {
      connectionString: `${scheme}://articles:secret@db:5433/articles`,
      applicationName: 'articles',
      maxConnections: 10,
      connectTimeoutMs: 3_000,
      statementTimeoutMs: 5_000,
      startTimeoutMs: 30_000
    })
  }
})

t.test('readPostgresUrl reads its own parameters and passes the others to the driver', async t => {
  t.strictSame(readPostgresUrl('postgres://db/articles?pool_max_conns=25&connect_timeout=7&statement_timeout=0&start_timeout=90&application_name=blue&sslmode=verify-ca&sslrootcert=/ca.pem&options=-c%20search_path%3Da'), {
    connectionString: 'postgres://db/articles?sslmode=verify-ca&sslrootcert=%2Fca.pem&options=-c+search_path%3Da&uselibpqcompat=true',
    applicationName: 'blue',
    maxConnections: 25,
    connectTimeoutMs: 7_000,
    statementTimeoutMs: 0,
    startTimeoutMs: 90_000
  })
})

t.test('readPostgresUrl rejects unknown, repeated and invalid parameters', async t => {
  for (const query of [
    'ssl_mode=verify-full', 'sslmode=prefer', 'sslmode=no-verify', 'sslmode=', 'sslmode=verify-ca', 'sslmode=disable&sslmode=verify-full', 'uselibpqcompat=false', 'ssl=0',
    'pool_max_conns=0', 'pool_max_conns=501', 'pool_max_conns=ten', 'pool_max_conns=', 'statement_timeout=-1', 'statement_timeout=5s', 'connect_timeout=0', 'connect_timeout=61',
    'start_timeout=-1', 'start_timeout=601'
  ]) {
    t.equal(readPostgresUrl(`postgres://db/articles?${query}`), undefined, query)
  }
  for (const text of ['', 'sqlite:articles.db', 'mysql://db/articles', 'postgres', 'postgres://db:port/articles']) t.equal(readPostgresUrl(text), undefined, text)
})
