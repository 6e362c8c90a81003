import { Kysely } from 'kysely'
import type { DatabaseHandle, DatabaseStatistics, OpenOptions, SeparateConnection } from '../handle.ts'
import { queryLog } from '../query-observer.ts'
import type { Database, Tables } from '../tables.ts'
import { SqliteDialect } from './dialect.ts'
import { SqliteDriver } from './driver.ts'
import { SqliteFile } from './file.ts'

export class SqliteDatabase implements DatabaseHandle {
  readonly db: Database
  readonly isSqlite = true
  readonly #driver: SqliteDriver

  /** @param path the file, created with its folder where it is missing, or `:memory:` */
  constructor (path: string, { mustExist = false, onQuery }: OpenOptions) {
    this.#driver = new SqliteDriver(new SqliteFile(path, { mustExist }))
    this.db = new Kysely<Tables>({ dialect: new SqliteDialect(this.#driver), ...onQuery && { log: queryLog(onQuery) } })
  }

  dataVersion (): number {
    return this.#driver.file.dataVersion()
  }

  statistics (): DatabaseStatistics {
    return { groupCommits: this.#driver.groupCommit.counts }
  }

  replaceFile (prepare: () => Promise<unknown>): Promise<boolean> {
    return this.#driver.replaceFile(prepare)
  }

  withoutTimeLimits<Result> (work: (db: Database) => Promise<Result>): Promise<Result> {
    return work(this.db)
  }

  openSeparateConnection (): SeparateConnection {
    return { db: this.db, close: async () => {} }
  }

  close (): Promise<void> {
    return this.db.destroy()
  }
}
