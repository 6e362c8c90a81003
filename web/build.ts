import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('.', import.meta.url))
const sources = ['src', 'index.html', 'vite.config.ts', 'package.json', '../package-lock.json']

/** Builds the pages into `web/dist`, unless the build is newer than all its sources. */
export async function buildWeb (): Promise<void> {
  const built = await modified('dist/index.html')
  const changed = await Promise.all(sources.map(modified))
  if (built > Math.max(...changed)) return

  // The build goes to another folder first, so that a service never finds half of it. node_modules may be
  // read-only.
  const [fresh, stale] = [`dist.new-${process.pid}`, `dist.old-${process.pid}`]
  try {
    await mkdir(root + fresh)
    await build({ root, logLevel: 'warn', configLoader: 'native', build: { outDir: fresh, emptyOutDir: true } })
    await rename(root + 'dist', root + stale).catch(() => {})
    await rename(root + fresh, root + 'dist').catch(error => {
      // Another build finished first. It is as new.
      if (error.code !== 'ENOTEMPTY') throw error
    })
  } finally {
    await Promise.all([fresh, stale].map(folder => rm(root + folder, { recursive: true, force: true })))
  }
}

/** The time in milliseconds when a file, or the newest file of a folder, was changed; 0 if there is none. */
async function modified (path: string): Promise<number> {
  const found = await stat(root + path).catch(() => undefined)
  if (found === undefined || !found.isDirectory()) return found?.mtimeMs ?? 0
  const inside = await Promise.all((await readdir(root + path)).map(async name => modified(`${path}/${name}`)))
  return Math.max(found.mtimeMs, ...inside)
}

if (import.meta.main) await buildWeb()
