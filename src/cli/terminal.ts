import type { Readable, Writable } from 'node:stream'

/** The parts of `process` that a command uses. A test passes its own. */
export interface Terminal {
  env: NodeJS.ProcessEnv
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
}
