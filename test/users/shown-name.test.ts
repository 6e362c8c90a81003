import t from 'tap'
import { chooseName } from '../../src/users/shown-name.ts'
import { startApp } from '../support/app.ts'
import { administrator, person } from '../support/people.ts'

const uuid = 'c4a5d0d2-0001-4000-8000-000000000001'

t.test('a new user is called by the Cognito username, or else by a claim meant for people', async t => {
  const google = [{ providerName: 'Google', userId: '108' }]
  const rows: [claims: Record<string, unknown>, name: string][] = [
    [{ 'cognito:username': 'alice', preferred_username: 'ally', name: 'Alice A.' }, 'alice'],
    [{ 'cognito:username': uuid, preferred_username: 'ally', name: 'Alice A.' }, 'ally'],
    [{ 'cognito:username': uuid, name: ' Alice A. ' }, 'Alice A.'],
    [{ 'cognito:username': uuid, email: 'alice.smith@example.com' }, 'alice.smith'],
    [{ 'cognito:username': uuid, email: 'alice.smith@example.com', email_verified: false }, uuid],
    [{ 'cognito:username': 'Google_108', identities: google, name: 'Alice' }, 'Alice'],
    [{ 'cognito:username': 'Google_108', identities: google, email: 'victim@example.com' }, 'Google_108'],
    [{ 'cognito:username': 'okta_7', 'cognito:groups': ['eu-west-1_Test00001_Okta'], name: 'Alice' }, 'Alice'],
    [{ 'cognito:username': 'alice', identities: google, name: 'Other' }, 'alice'],
    [{ 'cognito:username': 'john_doe', name: 'John' }, 'john_doe'],
    [{ 'cognito:username': uuid, preferred_username: 'a\u202Eb', name: 'Bob' }, 'Bob'],
    [{ 'cognito:username': uuid, preferred_username: 'x'.repeat(129), name: 7 }, 'subject']
  ]
  for (const [claims, name] of rows) {
    const { app, pool } = await startApp(t)
    const response = await person(app, pool, 'subject', { email: undefined, ...claims }).request('GET', '/me')
    t.equal(response.json().username, name === 'subject' ? uuid : name, JSON.stringify(claims))
  }
})

t.test('USERNAME_CLAIM names the claim that comes first', async t => {
  const { app, pool } = await startApp(t, { USERNAME_CLAIM: 'custom:nick' })
  const username = async (user: string, claims: Record<string, unknown>) => (await person(app, pool, user, claims).request('GET', '/me')).json().username
  t.equal(await username('alice', { 'custom:nick': 'ally' }), 'ally')
  t.equal(await username('bob', {}), 'bob')
  t.equal(await username('carol', { 'custom:nick': 'ally' }), 'ally-2', 'a claim that users edit takes no name away')
  t.equal(await username('carol', { 'custom:nick': 'bob' }), 'ally-2', 'and counts once')
})

t.test('after twenty users of one name the number behind it is random', async t => {
  const { app, pool } = await startApp(t)
  const names = []
  for (let count = 1; count <= 22; count++) {
    const response = await person(app, pool, uuid, { sub: `subject-${count}`, email: undefined, preferred_username: 'x'.repeat(128) }).request('GET', '/me')
    names.push(response.json().username)
  }
  t.equal(new Set(names).size, 22)
  t.strictSame([names[0], names[1], names[19]], ['x'.repeat(128), `${'x'.repeat(126)}-2`, `${'x'.repeat(125)}-20`])
  t.match(names[21], /^x{117}-\d{10}$/)
})

t.test('the name that an administrator gave stays', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  await alice.request('GET', '/me')
  await administrator(app, pool).request('PATCH', '/admin/users/1', { payload: { username: 'Alice-Smith' } })
  t.equal((await alice.request('GET', '/me')).json().username, 'Alice-Smith')
})

t.test('chooseName reads providers from JSON text, and survives any other text', async t => {
  const choose = (identities: unknown) => chooseName({ identities, name: 'Alice' }, { usernameClaim: undefined, cognitoUsername: 'Okta_1', providers: [], email: null })
  t.equal(choose('[{"providerName":"Okta"}]'), 'Alice')
  for (const broken of ['[', '{}', '[null,1,{}]', undefined, 7]) t.equal(choose(broken), 'Okta_1', `${broken}`)
})
