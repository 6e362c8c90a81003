import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Service {
  /** Resolves with the exit status, or with the signal that ended the service. */
  exited: Promise<number | string>
  /** Stops the service, and resolves once it has ended. */
  stop (): Promise<void>
}

/** The service promises to stop within 10 s. */
const stopTimeoutMs = 12_000

/** Starts the service as `npm start` does. Its output goes to the output of this process. */
export function startService (env: Record<string, string>): Service {
  const child = spawn(process.execPath, ['--import', path('./end-with-parent.ts'), path('../src/server.ts')], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // In a process group of its own, so that Ctrl-C signals only this process, which then stops the service.
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
 * @throws {Error} with the reason, when it is not ready within a minute
 */
export async function untilReady (address: string, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  let reason = 'it does not respond'
  while (!signal.aborted) {
    try {
      const response = await fetch(`${address}/health/ready`, { signal: AbortSignal.any([signal, deadline]) })
      if (response.ok) return
      reason = await response.text()
    } catch {
      // Not listening yet.
    }
    if (deadline.aborted) throw new Error(`The service is not ready: ${reason}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function path (relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
