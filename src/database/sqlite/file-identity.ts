import { statSync } from 'node:fs'

/**
 * Device and inode of the files at these paths. The text changes once one of the files is deleted, moved or
 * replaced.
 */
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
