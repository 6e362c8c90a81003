import type { DatabaseHandle, OpenOptions } from './handle.ts'
import { PostgresDatabase } from './postgres/database.ts'
import { SqliteDatabase } from './sqlite/database.ts'

/** Opens the database at `sqlite:<path>`, `sqlite::memory:` or `postgres://…`. The first query connects. */
export function openDatabase (url: string, options: OpenOptions = {}): DatabaseHandle {
  if (url.startsWith('sqlite:')) return new SqliteDatabase(url.slice('sqlite:'.length), options)
  return new PostgresDatabase(url, options)
}
