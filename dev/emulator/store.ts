import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataStore } from 'cognito-local/lib/services/dataStore/dataStore.js'
import type { DataStoreFactory } from 'cognito-local/lib/services/dataStore/factory.js'

/**
 * Stores for cognito-local that survive parallel writes and SIGKILL. The stores of cognito-local itself do
 * not. Reads return copies. No method awaits I/O, so an operation that reads, decides and writes is never
 * interrupted.
 */
export class FileStores implements DataStoreFactory {
  readonly #directory: string

  constructor (directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true })
  }

  async create (_context: unknown, id: string, defaults: object): Promise<DataStore> {
    return new FileStore(join(this.#directory, `${id}.json`), defaults)
  }
}

class FileStore implements DataStore {
  readonly #path: string
  readonly #root: unknown

  constructor (path: string, defaults: object) {
    this.#path = path
    const text = readText(path)
    this.#root = text === undefined ? copy(defaults) : JSON.parse(text, reviveDate)
    if (text === undefined) this.#save()
  }

  async getRoot<T> (): Promise<T | null> {
    return copy(this.#root)
  }

  async get<T> (_context: unknown, key: string | string[], fallback?: T): Promise<T> {
    return copy(steps(key).reduce(member, this.#root) ?? fallback ?? null)
  }

  async set (_context: unknown, key: string | string[], value: unknown): Promise<void> {
    const path = steps(key)
    const last = path.pop()
    const parent = path.reduce((node, name) => member(node, name) ?? define(node, name, {}), this.#root)
    if (last !== undefined) define(parent, last, copy(value))
    this.#save()
  }

  async delete (_context: unknown, key: string | string[]): Promise<void> {
    const path = steps(key)
    const last = path.pop()
    const parent = path.reduce(member, this.#root)
    if (last !== undefined && typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, last)
    this.#save()
  }

  // Renaming is atomic, so SIGKILL never leaves half a file.
  #save (): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify(this.#root, null, 2), { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
  }
}

function steps (key: string | string[]): string[] {
  return [key].flat()
}

function member (node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Object.getOwnPropertyDescriptor(node, name)?.value : undefined
}

function define (node: unknown, name: string, value: unknown): unknown {
  if (typeof node === 'object' && node !== null) {
    Object.defineProperty(node, name, { value, configurable: true, enumerable: true, writable: true })
  }
  return value
}

/** A deep copy by way of JSON. Dates survive, and undefined members do not. */
function copy<T> (value: unknown): T {
  return JSON.parse(JSON.stringify(value), reviveDate)
}

// In cognito-local, the members named …Date hold dates.
function reviveDate (key: string, value: unknown): unknown {
  return key.endsWith('Date') && typeof value === 'string' ? new Date(value) : value
}

function readText (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
