import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Template } from 'aws-cdk-lib/assertions'
import type { PostConfirmationEvent } from '../post-confirmation.ts'
import { idOf, serviceUrl, synthesise } from './template.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:Whole-AbCdEf'

function event (name: string): PostConfirmationEvent {
  return {
    version: '1',
    region: 'eu-west-1',
    userPoolId: 'eu-west-1_Test00001',
    userName: name,
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: 'client1' },
    triggerSource: 'PostConfirmation_ConfirmSignUp',
    request: { userAttributes: { sub: `subject-of-${name}`, email: `${name}@example.com`, email_verified: 'true' } },
    response: {}
  }
}

/** The value that AWS would give the secret: made as the template says, by a Secrets Manager of one's own. */
function makeSecret (template: Template): string {
  const type = 'AWS::SecretsManager::Secret'
  const random = idOf(template, type, 'What the secret')
  const resources = template.findResources(type)
  const { PasswordLength, ExcludePunctuation, IncludeSpace } = resources[random]?.Properties.GenerateSecretString
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789' + (ExcludePunctuation ? '' : '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~') + (IncludeSpace ? ' ' : '')
  const password = Array.from({ length: PasswordLength }, () => alphabet[randomInt(alphabet.length)]).join('')
  const [, parts] = resources[idOf(template, type, 'POST_CONFIRMATION_SECRET')]?.Properties.SecretString['Fn::Join']
  const text = parts.map((part: string | { Ref: string }) => typeof part === 'string' ? part : part.Ref).join('')
  return text.replace(`{{resolve:secretsmanager:${random}:SecretString:::}}`, () => password)
}

interface SecretsManager { url: string, reads: unknown[] }

/** Secrets Manager, as much of it as the Lambda asks for. */
async function startSecretsManager (t: TestContext, answer: (response: ServerResponse) => unknown): Promise<SecretsManager> {
  const reads: unknown[] = []
  const server = createServer(async (request, response) => {
    reads.push([request.headers['x-amz-target'], await json(request)])
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return { url: `http://127.0.0.1:${address.port}`, reads }
}

const holds = (secret: string) => (response: ServerResponse) => response
  .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
  .end(JSON.stringify({ ARN: arn, Name: 'Whole', SecretString: secret }))
const denies = (response: ServerResponse) => response
  .writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
  .end(JSON.stringify({ __type: 'AccessDeniedException', Message: 'not authorized to perform: secretsmanager:GetSecretValue' }))
const hangs = () => {}

/** The service itself, with this secret and a database of its own. */
async function startService (t: TestContext, secret: string) {
  const folder = mkdtempSync(join(tmpdir(), 'service-'))
  const env = {
    PATH: process.env.PATH,
    AWS_USER_POOLS_ID: 'eu-west-1_Test00001',
    AWS_APP_CLIENT_ID: 'client1',
    // No key is needed here, and nobody asked for one.
    COGNITO_JWKS_URI: 'http://127.0.0.1:1/jwks.json',
    POST_CONFIRMATION_SECRET: secret,
    DATABASE_URL: `sqlite:${join(folder, 'articles.db')}`,
    PORT: '0'
  }
  const service = spawn(process.execPath, ['src/server.ts'], { cwd: root, env })
  t.after(async () => {
    if (service.exitCode === null) {
      service.kill('SIGKILL')
      await once(service, 'close')
    }
    rmSync(folder, { recursive: true })
  })
  let said = ''
  for (const stream of [service.stdout, service.stderr]) stream.on('data', chunk => { said += chunk })
  const listening = /Server listening at (http:\/\/[\d.:]+)/
  while (!listening.test(said)) {
    if (service.exitCode !== null) throw new Error(`the service did not start: ${said}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return {
    url: listening.exec(said)?.[1] ?? '',
    usernames: () => {
      const { stdout } = spawnSync(process.execPath, ['src/cli/users.ts', 'list', '--json'], { cwd: root, env, encoding: 'utf8' })
      return Array.from(JSON.parse(stdout), user => Object(user).username)
    }
  }
}

// AWS loads the module once, and calls the handler that the template names.
const runtime = `
const [file, name, events] = process.argv.slice(1)
const { [name]: handler } = await import(file)
const answers = []
for (const event of JSON.parse(events)) answers.push(await handler(event).catch(error => error.message))
process.stdout.write(JSON.stringify(answers))
`

/**
 * Runs the bundle that would be uploaded, with the variables of the template. Returns its response and its
 * log.
 */
async function invoke (template: Template, folder: string, url: string, secretsManager: string, ...events: PostConfirmationEvent[]) {
  const [{ Properties } = { Properties: {} }] = Object.values(template.findResources('AWS::Lambda::Function'))
  const { Handler, Code, Environment: { Variables } } = Properties
  const [file, name] = Handler.split('.')
  const path = join(folder, `asset.${Code.S3Key.replace('.zip', '')}`, `${file}.mjs`)
  const child = spawn(process.execPath, ['--input-type=module', '--eval', runtime, pathToFileURL(path).href, name, JSON.stringify(events)], {
    // Where nothing can be imported that is not in the bundle.
    cwd: folder,
    env: {
      ...Variables,
      POST_CONFIRMATION_URL: Variables.POST_CONFIRMATION_URL.replace(serviceUrl, url),
      POST_CONFIRMATION_SECRET_ARN: arn,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager
    }
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => { stdout += chunk })
  child.stderr.on('data', chunk => { stderr += chunk })
  const [status] = await once(child, 'close')
  assert.equal(status, 0, stderr)
  return { answers: JSON.parse(stdout), log: stderr.split('\n').filter(line => line !== '') }
}

test('the bundle tells the service who has signed up, with the secret that both were given', async t => {
  const { template, folder } = synthesise(t, {}, { bundle: true })
  const secret = makeSecret(template)
  const { url, usernames } = await startService(t, secret)
  const secretsManager = await startSecretsManager(t, holds(secret))
  const { answers, log } = await invoke(template, folder, url, secretsManager.url, event('alice'), event('bob'))
  assert.deepEqual(log, [])
  assert.deepEqual(answers, [event('alice'), event('bob')])
  assert.deepEqual(usernames(), ['alice', 'bob'])
  assert.deepEqual(secretsManager.reads, [['secretsmanager.GetSecretValue', { SecretId: arn }]], 'read once')
})

test('the bundle is refused by a service that has another secret', async t => {
  const { template, folder } = synthesise(t, {}, { bundle: true })
  const { url, usernames } = await startService(t, makeSecret(template))
  const secretsManager = await startSecretsManager(t, holds(makeSecret(template)))
  const { answers, log } = await invoke(template, folder, url, secretsManager.url, event('alice'))
  assert.deepEqual(answers, [event('alice')], 'the user is confirmed all the same')
  assert.equal(log.length, 1)
  assert.equal(JSON.parse(log[0] ?? '').reason, 'the service answered 401')
  assert.doesNotMatch(log.join(), /whsec_|example\.com/)
  assert.deepEqual(usernames(), [])
})

test('a secret that cannot be read keeps nobody from confirming, unless that is asked for; the next event reads again', async t => {
  for (const confirmationRequired of ['false', 'true']) {
    const { template, folder } = synthesise(t, { confirmationRequired }, { bundle: true })
    const secretsManager = await startSecretsManager(t, denies)
    const { answers, log } = await invoke(template, folder, 'http://127.0.0.1:1', secretsManager.url, event('alice'), event('bob'))
    assert.deepEqual(answers, confirmationRequired === 'true' ? Array(2).fill('The sign-up could not be completed. Please try again.') : [event('alice'), event('bob')])
    assert.deepEqual(log.map(line => JSON.parse(line).reason), Array(2).fill('not authorized to perform: secretsmanager:GetSecretValue'))
    assert.equal(secretsManager.reads.length, 2)
  }
})

test('a Secrets Manager that hangs is given up', async t => {
  const { template, folder } = synthesise(t, {}, { bundle: true })
  const secretsManager = await startSecretsManager(t, hangs)
  const { answers, log } = await invoke(template, folder, 'http://127.0.0.1:1', secretsManager.url, event('alice'))
  assert.deepEqual(answers, [event('alice')])
  assert.equal(log.length, 1)
  assert.equal(secretsManager.reads.length, 2, 'having been asked twice')
})
