import { readdir } from 'node:fs/promises'
import type { Migration } from 'kysely/migration'

const folder = new URL('../../migrations/', import.meta.url)
let fileNames: Promise<string[]> | undefined

/** The names of this version's migrations, in order. The folder is read once per process. */
export async function listMigrationNames (): Promise<string[]> {
  return (await listFileNames()).map(nameOf)
}

export async function importMigrations (): Promise<Record<string, Migration>> {
  const migrations = (await listFileNames()).map(async (fileName): Promise<[string, Migration]> => {
    return [nameOf(fileName), await import(new URL(fileName, folder).href)]
  })
  return Object.fromEntries(await Promise.all(migrations))
}

function listFileNames (): Promise<string[]> {
  fileNames ??= readdir(folder).then(names => names.filter(name => /^\d.*\.(ts|js)$/.test(name)).sort())
  return fileNames
}

function nameOf (fileName: string): string {
  return fileName.replace(/\.\w+$/, '')
}
