// Every request reads the data version, and SQLite's own, `PRAGMA data_version`, takes a lock: a fifth of the
// time of a request. The header of the WAL index tells the same. Every commit changes it, and all processes
// map it as shared memory, so reading its file reads that memory.
// https://sqlite.org/walformat.html#the_wal_index_header

import { openSync, readSync, closeSync } from 'node:fs'
import type BetterSqlite3 from 'better-sqlite3'

/** Version, iChange, page size, mxFrame, nPage, checksums and salts, without the header's second copy. */
const headerBytes = 48

export interface CommitCounter {
  /** A number that changes once another connection to the file has committed. */
  read (): number
  close (): void
}

/** Counts the commits to a file in WAL mode, in the way that the platform allows. */
export function commitCounter (connection: BetterSqlite3.Database, platform = process.platform): CommitCounter {
  // A database in memory has one connection only.
  if (connection.memory) return { read: () => 0, close: () => {} }
  // On other platforms a file and its mapped memory may differ.
  return platform === 'linux' ? walIndexCounter(`${connection.name}-shm`) : pragmaCounter(connection)
}

function walIndexCounter (path: string): CommitCounter {
  const descriptor = openSync(path, 'r')
  let lastHeader = Buffer.alloc(headerBytes)
  let header = Buffer.alloc(headerBytes)
  let commits = 0
  return {
    read () {
      readSync(descriptor, header, 0, headerBytes, 0)
      if (!header.equals(lastHeader)) {
        commits++
        const spare = lastHeader
        lastHeader = header
        header = spare
      }
      return commits
    },
    close: () => closeSync(descriptor)
  }
}

// https://sqlite.org/pragma.html#pragma_data_version
function pragmaCounter (connection: BetterSqlite3.Database): CommitCounter {
  const version = connection.prepare<[], number>('pragma data_version').pluck()
  return { read: () => version.get() ?? 0, close: () => {} }
}
