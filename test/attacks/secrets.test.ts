import { createHmac, timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { dirname, join } from 'node:path'
import t from 'tap'
import { bearer, environment, startPool } from '../support/app.ts'
import { run, until } from '../support/service-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

t.test('a crash of the service writes neither a report nor a secret', async t => {
  const pool = await startPool(t)
  const folder = t.testdir()
  const secret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const fault = `data:text/javascript,process.chdir(${JSON.stringify(folder)}); process.stdin.once("data", () => { console.log("reports", process.report.reportOnFatalError, process.report.reportOnUncaughtException, process.report.reportOnSignal); throw new Error("out of the blue") })`
  const { child, exited, output } = run(t, 'src/server.ts', environment(pool, {
    PORT: '0',
    LOG_LEVEL: 'trace',
    POST_CONFIRMATION_SECRET: `whsec_${secret}`,
    RATE_LIMIT_MAX: '100',
    REDIS_URL: 'redis://articles:hunter2@127.0.0.1:1'
  }), { nodeArgs: ['--import', fault] })
  const address = () => /Server listening at (http:[^"]+)/.exec(output.stdout)?.[1]
  await until(() => address() !== undefined || child.exitCode !== null)
  const token = pool.idToken()
  const post = (body: string, headers: Record<string, string>) => fetch(`${address()}/cognito/post-confirmation`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  const answers = [
    await fetch(`${address()}/me`, { headers: bearer(token) }),
    await fetch(`${address()}/admin/users`, { headers: bearer(token) }),
    await post('{', { 'webhook-id': 'a', 'webhook-timestamp': '1', 'webhook-signature': `v1,${secret}` })
  ]
  const pages = await Promise.all(answers.map(answer => answer.text()))
  child.stdin?.write('now')
  t.equal(await exited, 1)
  t.match(output.stdout, 'out of the blue')
  // A diagnostic report of Node would hold the environment.
  t.match(output.stdout, 'reports false false false')
  t.strictSame(readdirSync(folder), [])
  for (const hidden of [secret, 'hunter2', ...token.split('.').slice(1)]) t.notOk((output.stdout + output.stderr + pages.join('')).includes(hidden.slice(0, 30)))
})

t.test('no start command enables a debugger, a diagnostic report or a snapshot', t => {
  for (const file of ['package.json', 'Dockerfile', 'compose.yaml', 'deploy/kubernetes/base/deployment.yaml']) {
    t.notMatch(readFileSync(join(root, file), 'utf8'), /--inspect|--report-|--heapsnapshot|--abort-on|NODE_OPTIONS/, file)
  }
  t.end()
})

t.test('the webhook compares signatures in constant time', async t => {
  // Times are too noisy to assert, so the test reads the source. An update with another comparison fails
  // here.
  const require = createRequire(pathToFileURL(join(root, 'routes/cognito/post-confirmation/index.ts')))
  const folder = dirname(require.resolve('standardwebhooks'))
  t.match(readFileSync(join(folder, 'index.js'), 'utf8'), /timingSafeEqual\)?\(encoder\.encode\(signature\), encoder\.encode\(expectedSignature\)\)/)
  t.notMatch(readFileSync(join(folder, 'index.js'), 'utf8'), /[sS]ignature\s*===?\s*expectedSignature/)
  const { timingSafeEqual: compare } = require(join(folder, 'timing_safe_equal.js'))
  const mac = (text: string) => createHmac('sha256', 'key').update(text).digest()
  for (const [a, b] of [[mac('a'), mac('a')], [mac('a'), mac('b')], [mac('a'), Buffer.alloc(32)]] as const) {
    t.equal(compare(Uint8Array.from(a), Uint8Array.from(b)), timingSafeEqual(a, b))
  }
  t.match(String(compare), /out \|= a\.getUint8\(i\) \^ b\.getUint8\(i\)/, 'every byte is looked at, whatever the first says')
})
