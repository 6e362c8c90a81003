// Whether another process has committed is asked for at every request, and SQLite's own answer, `PRAGMA data_version`, takes
// a lock: in a running service that was a fifth of a request. The same is told by the header of the WAL index, which every
// commit changes before it is done, and which is memory that all processes map: to read its file is to read that memory.
// https://sqlite.org/walformat.html#the_wal_index_header

import { openSync, readSync, closeSync } from 'node:fs'
import type BetterSqlite3 from 'better-sqlite3'

// Version, iChange, page size, mxFrame, nPage, checksums and salts: all but the header's copy.
const headerLength = 48

/** Differs whenever another connection to the file has committed since it was last asked. */
export interface CommitCounter {
  read (): number
  close (): void
}

/** Counts the commits to a file in WAL mode, in the way that the platform allows. */
export function commitCounter (file: BetterSqlite3.Database, platform = process.platform): CommitCounter {
  // Nobody else can write to memory.
  if (file.memory) return { read: () => 0, close: () => {} }
  // Elsewhere a file and the memory that it is mapped to may differ.
  return platform === 'linux' ? walIndexCounter(`${file.name}-shm`) : dataVersionCounter(file)
}

function walIndexCounter (path: string): CommitCounter {
  const descriptor = openSync(path, 'r')
  let known = Buffer.alloc(headerLength)
  let header = Buffer.alloc(headerLength)
  let commits = 0
  return {
    read () {
      readSync(descriptor, header, 0, headerLength, 0)
      if (!header.equals(known)) {
        commits++
        const spare = known
        known = header
        header = spare
      }
      return commits
    },
    close: () => closeSync(descriptor)
  }
}

// https://sqlite.org/pragma.html#pragma_data_version
function dataVersionCounter (file: BetterSqlite3.Database): CommitCounter {
  const version = file.prepare<[], number>('pragma data_version').pluck()
  return { read: () => version.get() ?? 0, close: () => {} }
}
