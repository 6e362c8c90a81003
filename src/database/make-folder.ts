import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and the folders above it that are missing, one at a time, and stops at the first error. `mkdirSync` with
 * `recursive` never returns below `/proc`, which reports ENOENT for a folder that cannot be made.
 */
export function makeFolder (path: string): void {
  const folder = resolve(path)
  if (isFolder(folder)) return
  makeFolder(dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process may have made the folder in the meantime.
    if (!isFolder(folder)) throw error
  }
}

function isFolder (path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
