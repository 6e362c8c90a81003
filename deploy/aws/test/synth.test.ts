import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serviceUrl } from './template.ts'

/** Runs the CDK where it finds no AWS credentials, and gets no further than this machine. */
function synth (t: TestContext, ...args: string[]) {
  const home = mkdtempSync(join(tmpdir(), 'cdk-home-'))
  t.after(() => rmSync(home, { recursive: true }))
  const own = Object.entries(process.env).filter(([name]) => !/^(AWS|CDK)_|^NODE_TEST|proxy$/i.test(name))
  const nowhere = 'http://127.0.0.1:1'
  const { status, stderr } = spawnSync('npm', ['run', 'synth', '--', '--quiet', '--output', join(home, 'out'), ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...Object.fromEntries(own), HOME: home, AWS_EC2_METADATA_DISABLED: 'true', HTTPS_PROXY: nowhere, HTTP_PROXY: nowhere },
    encoding: 'utf8'
  })
  return { status, stderr, folder: join(home, 'out') }
}

test('npm run synth needs neither AWS credentials nor a network', t => {
  const { status, stderr, folder } = synth(t, '-c', `serviceUrl=${serviceUrl}`, '-c', 'stackName=another-name')
  assert.equal(status, 0, stderr)
  assert.ok(existsSync(join(folder, 'another-name.template.json')))
})

test('npm run synth says what it was not told, without a stack trace', t => {
  const { status, stderr } = synth(t)
  assert.notEqual(status, 0)
  assert.match(stderr, /^serviceUrl: "" is invalid; expected .*\nnode main.ts: .*error 1$/m)
  assert.doesNotMatch(stderr, /^ +at /m)
})
