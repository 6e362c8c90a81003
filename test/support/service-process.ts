import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { EnvironmentSchema } from '../../src/environment/schema.ts'

export interface RunningProcess {
  child: ChildProcess
  output: { stdout: string, stderr: string }
  /** The exit status, or the signal that ended the process. */
  exited: Promise<number | string>
}

interface RunOptions {
  args?: string[]
  nodeArgs?: string[]
  /**
   * Whether the lines that the process reaches count for coverage. A process without coverage starts in half
   * the time.
   */
  covered?: boolean
  /** The folder of another copy of the service. By default the repository's own runs. */
  folder?: string
  /** Whether that copy is compiled to JavaScript. */
  isCompiled?: boolean
}

/**
 * Runs a file of the repository as a process of its own, with these variables and none that the tests' own
 * environment has.
 */
export function run (t: Test, file: string, variables: Record<string, string>, { args = [], nodeArgs = [], covered = true, folder, isCompiled = folder !== undefined }: RunOptions = {}): RunningProcess {
  const own = (name: string) => name in EnvironmentSchema.properties || name === 'NODE_ENV' || (!covered && /^(NODE_OPTIONS$|_TAPJS)/.test(name))
  const inherited = Object.entries(process.env).filter(([name]) => !own(name))
  const root = folder ?? fileURLToPath(new URL('../..', import.meta.url))
  const path = join(root, isCompiled ? file.replace(/\.ts$/, '.js') : file)
  const child = spawn(process.execPath, [...nodeArgs, path, ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...variables }
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => { output.stdout += chunk })
  child.stderr.on('data', chunk => { output.stderr += chunk })
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, output, exited }
}

export interface RunningService extends RunningProcess {
  url: string
}

/** Starts the service as a process, and waits until it listens. */
export async function startService (t: Test, variables: Record<string, string>, options?: RunOptions): Promise<RunningService> {
  const service = run(t, 'src/server.ts', { PORT: '0', ...variables }, options)
  const address = () => /Server listening at (http:[^"]+)/.exec(service.output.stdout)?.[1]
  await until(() => address() !== undefined || service.child.exitCode !== null)
  return { ...service, url: address() ?? '' }
}

/** Waits until a condition holds, at most a minute. */
export async function until (condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error('waited a minute in vain')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
