import assert from 'node:assert/strict'
import test from 'node:test'
import { readSettings, SettingsError } from '../settings.ts'

const read = (context: Record<string, unknown>) => readSettings(name => context[name])
const serviceUrl = 'https://articles.example.com'

test('settings have defaults, but for the URL of the service', () => {
  assert.deepEqual(read({ serviceUrl }), { serviceUrl, stackName: 'articles-users', adminGroup: 'admin', domainPrefix: '', mfaRequired: false, confirmationRequired: false })
  assert.throws(() => read({}), { message: /^serviceUrl: "" is invalid; expected the service's https URL/ })
})

test('settings are read from text and from JSON', () => {
  const wanted = { serviceUrl: 'https://example.com/api', stackName: 'Users-2', adminGroup: 'éditeurs', domainPrefix: 'our-articles', mfaRequired: true, confirmationRequired: true }
  assert.deepEqual(read({ ...wanted, serviceUrl: 'https://example.com/api/' }), wanted)
  assert.deepEqual(read({ ...wanted, mfaRequired: 'true', confirmationRequired: 'true' }), wanted)
})

test('a setting that is wrong is named, with what it held', () => {
  const wrong = {
    serviceUrl: ['http://articles.example.com', 'articles.example.com', 'https://user:pass@example.com', 'https://user@example.com', 'https://:pass@example.com', 'https://example.com/?a=1', 'https://example.com/#a', ' https://example.com', 'https://'],
    stackName: ['1st', 'a_b', '', `a${'b'.repeat(128)}`],
    adminGroup: ['', 'two words', 'a'.repeat(129)],
    domainPrefix: ['-a', 'a-', 'A', 'a.b', 'my-aws', 'cognito', 'a'.repeat(64)],
    mfaRequired: ['yes', '', 1],
    confirmationRequired: ['TRUE', 'on']
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(() => read({ serviceUrl, [name]: value }), error => error instanceof SettingsError && error.message.startsWith(`${name}: ${JSON.stringify(String(value))} is invalid; expected `) && !error.message.includes('\n'), `${name}: ${value}`)
    }
  }
})

test('all wrong settings are named at once', () => {
  assert.throws(() => read({ mfaRequired: 'maybe' }), ({ message }: Error) => /^serviceUrl: .*\nmfaRequired: .*$/.test(message))
})
