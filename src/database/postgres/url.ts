/** What a `postgres://…` URL says, read as libpq reads it where it knows the name. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS */
export interface PostgresSettings {
  connectionString: string
  applicationName: string
  /** Connections that are open at most. */
  poolSize: number
  /** Milliseconds to wait for a connection: a new one, or one that another query has. */
  connectTimeout: number
  /** Milliseconds that a statement may take; 0 is no limit. */
  statementTimeout: number
}

export const postgresUrlForm = 'postgres://user@host/database, with any of sslmode (disable, require, verify-ca with sslrootcert, verify-full), sslrootcert, sslcert, sslkey, application_name, ' +
  'connect_timeout (1 to 60 s), statement_timeout (0 to 3600000 ms), pool_max_conns (1 to 500), options, host and port'

const ours = ['application_name', 'connect_timeout', 'statement_timeout', 'pool_max_conns']
const theDrivers = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'options', 'host', 'port']

/** What the URL says, undefined where it is not of that form: what would be passed over in silence, such as a misspelt sslmode, is refused. */
export function readPostgresUrl (text: string): PostgresSettings | undefined {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) return undefined
  const { searchParams: given } = url
  const names = [...given.keys()]
  if (new Set(names).size < names.length || names.some(name => ![...ours, ...theDrivers].includes(name))) return undefined
  const sslmode = given.get('sslmode') ?? 'disable'
  if (!['disable', 'require', 'verify-ca', 'verify-full'].includes(sslmode) || (sslmode === 'verify-ca' && !given.has('sslrootcert'))) return undefined

  const poolSize = integer(given.get('pool_max_conns') ?? '10', 1, 500)
  const connectSeconds = integer(given.get('connect_timeout') ?? '3', 1, 60)
  const statementTimeout = integer(given.get('statement_timeout') ?? '5000', 0, 3_600_000)
  if (poolSize === undefined || connectSeconds === undefined || statementTimeout === undefined) return undefined

  const applicationName = given.get('application_name') ?? 'articles'
  for (const name of ours) given.delete(name)
  // Without it the driver takes every other mode for verify-full, and says so on stderr.
  if (given.has('sslmode')) given.set('uselibpqcompat', 'true')
  return { connectionString: url.href, applicationName, poolSize, connectTimeout: connectSeconds * 1_000, statementTimeout }
}

function integer (text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN
  return value >= least && value <= most ? value : undefined
}
