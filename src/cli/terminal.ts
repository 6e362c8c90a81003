import type { Readable, Writable } from 'node:stream'

/** What a command needs of the process that runs it. `process` is one; a test has another. */
export interface Terminal {
  env: NodeJS.ProcessEnv
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
}
