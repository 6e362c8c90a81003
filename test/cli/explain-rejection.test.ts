import t from 'tap'
import { explainRejection } from '../../src/cli/explain-rejection.ts'

t.test('explainRejection names the resource of an access token for another resource', async t => {
  const token = { segments: 3, length: 900, header: {}, claims: { token_use: 'access', aud: 'https://other.example.com' } }
  const rules = { clientIds: ['client1', 'client2'], tokenUse: ['access' as const], jwksMaxAgeSeconds: 3600, issuers: [] }
  t.match(explainRejection('audience', token, rules, Date.now()), {
    expected: 'no aud, or aud client1 or client2',
    found: 'aud "https://other.example.com"'
  })
})
