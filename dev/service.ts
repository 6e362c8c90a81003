import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Service {
  /** Ends with the exit status, or the signal that ended the service. */
  exited: Promise<number | string>
  /** Stops the service, and resolves once it has ended. */
  stop (): Promise<void>
}

/** How long the service may take to stop, in milliseconds; it promises 10 s. */
const stopTimeoutMs = 12_000

/** Starts the very service that `npm start` does, with its output on ours. */
export function startService (env: Record<string, string>): Service {
  const child = spawn(process.execPath, ['--import', path('./end-with-parent.ts'), path('../src/server.ts')], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Out of the terminal's reach: Ctrl-C must come to it once, from here, in its turn.
    detached: true
  })
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal)
  return {
    exited,
    stop: async () => {
      child.kill('SIGTERM')
      const lastResort = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await exited
      clearTimeout(lastResort)
    }
  }
}

/**
 * Waits until the service at an address is ready.
 * @throws {Error} where it is not within a minute, with what it lacks
 */
export async function untilReady (address: string, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  let lack = 'it does not answer'
  while (!signal.aborted) {
    try {
      const response = await fetch(`${address}/health/ready`, { signal: AbortSignal.any([signal, deadline]) })
      if (response.ok) return
      lack = await response.text()
    } catch {
      // Not listening yet.
    }
    if (deadline.aborted) throw new Error(`The service is not ready: ${lack}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function path (relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
