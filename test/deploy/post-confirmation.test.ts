import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { Webhook } from 'standardwebhooks'
import { handler, type PostConfirmationEvent } from '../../deploy/aws/post-confirmation.ts'
import { startApp, startPool } from '../support/app.ts'
import { administrator, person } from '../support/people.ts'

const path = '/cognito/post-confirmation'
const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`

function event (changes: Partial<PostConfirmationEvent> = {}): PostConfirmationEvent {
  return {
    version: '1',
    region: 'eu-west-1',
    userPoolId: 'eu-west-1_Test00001',
    userName: 'alice',
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: 'client1' },
    triggerSource: 'PostConfirmation_ConfirmSignUp',
    request: { userAttributes: { sub: 'subject-of-alice', 'cognito:user_status': 'CONFIRMED', email: 'alice@example.com', email_verified: 'true' } },
    response: {},
    ...changes
  }
}

interface Outcome {
  answer: PostConfirmationEvent | Error
  /** The log of the Lambda, one line each. */
  log: string[]
  /** Milliseconds. */
  took: number
}

/** Calls the Lambda as AWS does, with these variables only. */
async function invoke (t: Test, url: string, variables: Record<string, string> = {}, given = event()): Promise<Outcome> {
  const names = ['POST_CONFIRMATION_URL', 'POST_CONFIRMATION_SECRET', 'POST_CONFIRMATION_REQUIRED']
  const before = names.map(name => [name, process.env[name]] as const)
  for (const name of names) delete process.env[name]
  Object.assign(process.env, { POST_CONFIRMATION_URL: url, POST_CONFIRMATION_SECRET: secret, ...variables })
  const logged = t.capture(console, 'error')
  const start = performance.now()
  try {
    const answer = await handler(given).catch((error: Error) => error)
    return { answer, log: logged.args().map(args => args.join(' ')), took: performance.now() - start }
  } finally {
    logged.restore()
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** The one log line of a failed call: the reason and the user, without any secret. */
function reason (t: Test, { log }: Outcome): string {
  const [line = '{}', ...more] = log
  if (more.length > 0 || /whsec_|v1,|alice|example\.com/.test(line.replace('subject-of-alice', ''))) throw new Error(`it logged more than it should: ${log}`)
  const { reason, ...rest } = JSON.parse(line)
  t.strictSame(rest, { level: 'error', message: 'the confirmed user was not delivered to the service', userPoolId: 'eu-west-1_Test00001', subject: 'subject-of-alice' })
  return reason
}

interface Delivery { headers: IncomingMessage['headers'], body: string, at: number }

interface Receiver {
  url: string
  deliveries: Delivery[]
}

/** A server in place of the service. It sends one response per delivery, and repeats the last response. */
async function startReceiver (t: Test, ...answers: ((response: ServerResponse) => unknown)[]): Promise<Receiver> {
  const deliveries: Delivery[] = []
  const server = createServer(async (request, response) => {
    const at = performance.now()
    deliveries.push({ headers: request.headers, body: await text(request), at })
    answers[Math.min(deliveries.length, answers.length) - 1]?.(response)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port')
  return { url: `http://127.0.0.1:${address.port}${path}`, deliveries }
}

const answers = (status: number, headers: Record<string, string> = {}) => (response: ServerResponse) => response.writeHead(status, headers).end()
const hangs = () => {}

async function startService (t: Test) {
  const started = await startApp(t, { USER_PROVISIONING: 'strict', POST_CONFIRMATION_SECRET: secret }, await startPool(t))
  return { ...started, url: await started.app.listen({ host: '127.0.0.1', port: 0 }) + path }
}

t.test('the Lambda delivers a new user to the service, and the user can sign in', async t => {
  const { app, pool, url } = await startService(t)
  const given = event()
  const { answer, log } = await invoke(t, url, { POST_CONFIRMATION_REQUIRED: 'true' }, given)
  t.equal(answer, given)
  t.strictSame(answer, event(), 'as it was')
  t.strictSame(log, [])
  t.match((await person(app, pool, 'alice').request('GET', '/me')).json(), { id: 1, username: 'alice', email: 'alice@example.com' })

  const again = await invoke(t, url, {}, event({ triggerSource: 'PostConfirmation_ConfirmForgotPassword' }))
  t.strictSame(again.log, [], 'and no harm is done when it tells again')
  t.equal((await administrator(app, pool).request('GET', '/admin/users')).json().length, 1)
})

t.test('the Lambda logs a delivery that the service rejects for its secret', async t => {
  const { app, pool, url } = await startService(t)
  const other = `whsec_${Buffer.from('another secret of 24 bytes or more').toString('base64')}`
  t.equal(reason(t, await invoke(t, url, { POST_CONFIRMATION_SECRET: other })), 'the service answered 401')
  await administrator(app, pool).request('POST', '/admin/users', { payload: { username: 'alice', email: 'another@example.com' } })
  t.strictSame((await invoke(t, url)).log, [], 'a taken name gets a number')
})

t.test('the Lambda lets a user confirm while the service is down, within the time limit of Cognito', async t => {
  const { app, url } = await startService(t)
  await app.close()
  const outcome = await invoke(t, url)
  t.strictSame(outcome.answer, event())
  t.ok(outcome.took < 5000, `${outcome.took} ms`)
  t.ok(outcome.took > 3000, 'having tried again and again')
  t.match(reason(t, outcome), 'fetch failed')
  t.match(reason(t, outcome), 'ECONNREFUSED')
})

t.test('the Lambda fails with a message for the user where POST_CONFIRMATION_REQUIRED is true', async t => {
  const { url } = await startReceiver(t, answers(400))
  const { answer, log } = await invoke(t, url, { POST_CONFIRMATION_REQUIRED: 'true' })
  t.match(answer, { message: 'The sign-up could not be completed. Please try again.' })
  t.equal(log.length, 1)
  for (const value of ['false', '', '1']) t.strictSame((await invoke(t, url, { POST_CONFIRMATION_REQUIRED: value })).answer, event(), value)
})

t.test('the Lambda retries a temporary failure with a new signature and the same id', async t => {
  for (const status of [500, 503, 429]) {
    const { url, deliveries } = await startReceiver(t, answers(status), answers(status), answers(201))
    const { answer, log } = await invoke(t, url, { POST_CONFIRMATION_REQUIRED: 'true' })
    t.strictSame([answer, log], [event(), []])
    t.strictSame(deliveries.map(({ headers }) => headers['webhook-id']), Array.from({ length: 3 }, () => 'post-confirmation-eu-west-1_Test00001-subject-of-alice'))
    for (const { headers, body } of deliveries) {
      t.strictSame(new Webhook(secret).verify(body, Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `${value}`]))), event())
      t.match(headers, { 'content-type': 'application/json' })
    }
    const [first, second] = deliveries
    t.ok((second?.at ?? 0) - (first?.at ?? 0) >= 190, 'after a pause')
  }
})

t.test('the Lambda signs each attempt with its own time', async t => {
  const { url, deliveries } = await startReceiver(t, hangs, answers(200))
  t.strictSame((await invoke(t, url)).log, [])
  const [first = 0, second = 0] = deliveries.map(({ headers }) => Number(headers['webhook-timestamp']))
  t.ok(second - first >= 1, `${first}, then ${second}`)
})

t.test('the Lambda does not retry a permanent rejection', async t => {
  for (const status of [400, 401, 403, 404, 409, 413]) {
    const { url, deliveries } = await startReceiver(t, answers(status))
    t.equal(reason(t, await invoke(t, url)), `the service answered ${status}`)
    t.equal(deliveries.length, 1)
  }
})

t.test('the Lambda stops waiting for a service that hangs', async t => {
  const { url, deliveries } = await startReceiver(t, hangs)
  const outcome = await invoke(t, url)
  t.strictSame(outcome.answer, event())
  t.match(reason(t, outcome), 'timeout')
  t.ok(outcome.took < 5000, `${outcome.took} ms`)
  t.ok(deliveries.length >= 2, 'but not at once')
})

t.test('the Lambda accepts a response by its status without waiting for the body', async t => {
  const { url, deliveries } = await startReceiver(t, response => response.writeHead(201).write('{'))
  t.strictSame((await invoke(t, url)).log, [])
  t.equal(deliveries.length, 1)
})

t.test('the Lambda follows no redirect', async t => {
  const elsewhere = await startReceiver(t, answers(200))
  const { url } = await startReceiver(t, answers(307, { location: elsewhere.url }))
  const outcome = await invoke(t, url)
  t.strictSame(outcome.answer, event())
  t.match(reason(t, outcome), String)
  t.equal(elsewhere.deliveries.length, 0)
})

t.test('the Lambda logs missing settings', async t => {
  const { url, deliveries } = await startReceiver(t, answers(200))
  t.match(reason(t, await invoke(t, url, { POST_CONFIRMATION_SECRET: '' })), /secret/i)
  t.match(reason(t, await invoke(t, 'nowhere')), /URL/)
  t.equal(deliveries.length, 0)

  const { log } = await invoke(t, url.replace('127.0.0.1', 'user:hunter2@127.0.0.1'))
  t.notMatch(log.join(), 'hunter2', 'nor does it log a password in its URL')
})
