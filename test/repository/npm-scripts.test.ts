import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { freePort } from '../support/embedded-postgres.ts'
import { environment, startPool } from '../support/app.ts'
import { limitedPackages } from './lock-file.ts'
import { until } from '../support/service-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

t.test('package.json has eleven scripts, and each works in sh and in cmd', async t => {
  const scripts = Object.entries(packageJson.scripts)
  t.equal(scripts.length, 11)
  // cmd knows neither `exec` nor `VARIABLE=value command` nor single quotes.
  t.strictSame(scripts.filter(([, command]) => /\bexec\b|\w=|['$;|<>`]/.test(command)), [])
  // npm skips these with ignore-scripts.
  t.strictSame(scripts.filter(([name]) => /^(pre|post)/.test(name)), [])
})

t.test('npm runs no install script, and installs all optional packages on an older Node too', async t => {
  t.match(readFileSync(`${root}/.npmrc`, 'utf8'), /^ignore-scripts=true$/m)
  const { packages } = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'))
  t.strictSame(limitedPackages(packages), [], 'node test/repository/lock-file.ts corrects package-lock.json')
})

// npm 9 ignores SIGTERM while a script runs.
const ignoresSigterm = Number.parseInt(execFileSync('npm', ['--version'], { encoding: 'utf8', cwd: root })) < 10 && 'npm 9 ignores SIGTERM'

const signals = {
  'Ctrl-C, which signals the whole process group,': (pid: number) => process.kill(-pid, 'SIGINT'),
  'SIGTERM to npm alone': (pid: number) => process.kill(pid, 'SIGTERM')
}

for (const [title, signal] of Object.entries(signals)) {
  for (const script of ['start', 'dev']) {
    t.test(`${title} stops npm run ${script} gracefully and leaves nothing running`, { skip: title.startsWith('SIGTERM') && ignoresSigterm }, async t => {
      const pool = await startPool(t)
      const [PORT, COGNITO_PORT] = [`${await freePort()}`, `${await freePort()}`]
      const variables = script === 'dev' ? { COGNITO_PORT, DEV_DATA: t.testdir(), LOG_LEVEL: 'info' } : { ...environment(pool), COGNITO_ALLOW_HTTP: 'true' }
      const { NODE_OPTIONS: _, ...env } = process.env
      // A terminal also makes a process group for each command.
      const child = spawn('npm', ['run', script], { cwd: root, detached: true, env: { ...env, ...variables, PORT } })
      const { pid } = child
      if (pid === undefined) throw new Error('npm did not start')
      t.teardown(() => { if (isRunning(pid)) process.kill(-pid, 'SIGKILL') })
      let output = ''
      child.stdout.on('data', chunk => { output += chunk })
      child.stderr.on('data', chunk => { output += chunk })
      const ready = script === 'dev' ? 'Ctrl-C stops both servers' : 'Server listening at'
      await until(() => output.includes(ready) || child.exitCode !== null)
      signal(pid)
      await until(() => !isRunning(pid))
      t.match(output, /"msg":"stopping/)
      await t.rejects(fetch(`http://127.0.0.1:${PORT}/health/live`))
      await t.rejects(fetch(`http://127.0.0.1:${COGNITO_PORT}/health`))
    })
  }
}

/** Whether a process of the group is running. */
function isRunning (group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}
