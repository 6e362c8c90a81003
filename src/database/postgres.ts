import pg from 'pg'
import { PostgresDialect, type Dialect } from 'kysely'

/** A dialect over a pool of connections to the server at `url`. */
export function postgresDialect (url: string): Dialect {
  // Ids are counted, not random: they stay within 2^53.
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const pool = new pg.Pool({
    connectionString: url,
    types,
    application_name: 'articles',
    max: 10,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 5_000,
    query_timeout: 6_000
  })
  // A connection that breaks while idle is replaced by the next query; without a listener it would end the process.
  pool.on('error', () => {})
  return new PostgresDialect({ pool })
}

/** Whether the server, not the query, is at fault. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function isPostgresUnavailable (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof pg.DatabaseError) return /^(08|53|57|58|40|25006|XX|F0)/.test(error.code ?? '')
  return 'code' in error ? /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET)/.test(String(error.code)) : /timeout|terminated|Connection/i.test(error.message)
}

/** Whether a row would repeat what has to be unique. */
export function isPostgresConflict (error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505'
}

/** Serialisation failures and deadlocks, which distributed engines report in the normal course of things. */
export function isPostgresSerializationFailure (error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40001' || error.code === '40P01')
}
