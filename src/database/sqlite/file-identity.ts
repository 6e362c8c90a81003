import { statSync } from 'node:fs'

/** Which files are at these paths: differs once one of them was deleted, moved or replaced, however alike the new one is. */
export function fileIdentity (...paths: string[]): string {
  return paths.map(identify).join(' ')
}

function identify (path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return 'none'
  }
}
