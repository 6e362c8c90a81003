import t from 'tap'
import { bearer, startApp } from '../support/app.ts'

t.test('GET /me answers with the verified user', async t => {
  const { app, pool } = await startApp(t)
  const response = await app.inject({ url: '/me', headers: bearer(pool.idToken({ 'cognito:groups': ['authors'] })) })
  t.equal(response.statusCode, 200)
  t.strictSame(response.json(), { id: 1, username: 'alice', email: 'alice@example.com', sub: 'c4a5d0d2-0001-4000-8000-000000000001', groups: ['authors'] })
})
