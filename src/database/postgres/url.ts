/** The settings in a `postgres://…` URL. Names that libpq has mean the same as in libpq. */
export interface PostgresSettings {
  connectionString: string
  applicationName: string
  maxConnections: number
  /** The maximum wait for a connection: a new one, or one that another query uses. */
  connectTimeoutMs: number
  /** The maximum duration of a statement at the server. 0 is no limit there. */
  statementTimeoutMs: number
  /** The maximum wait for the server at the start of the service. */
  startTimeoutMs: number
}

export const postgresUrlForm = 'postgres://user@host/database, with any of sslmode (disable, require, verify-ca with sslrootcert, verify-full), sslrootcert, sslcert, sslkey, application_name, ' +
  'connect_timeout (1 to 60 s), start_timeout (0 to 600 s), statement_timeout (0 to 3600000 ms), pool_max_conns (1 to 500), options, host and port'

const ownParameters = ['application_name', 'connect_timeout', 'start_timeout', 'statement_timeout', 'pool_max_conns']
const driverParameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'options', 'host', 'port']

/**
 * Reads a URL with libpq's parameters. The driver ignores a parameter that it does not know, such as a
 * misspelt `sslmode`, so an unknown parameter makes the URL invalid.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 * @returns undefined where the URL is invalid
 */
export function readPostgresUrl (text: string): PostgresSettings | undefined {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) return undefined
  const { searchParams: parameters } = url
  const names = [...parameters.keys()]
  if (new Set(names).size < names.length || names.some(name => ![...ownParameters, ...driverParameters].includes(name))) return undefined
  const sslmode = parameters.get('sslmode') ?? 'disable'
  if (!['disable', 'require', 'verify-ca', 'verify-full'].includes(sslmode)) return undefined
  if (sslmode === 'verify-ca' && !parameters.has('sslrootcert')) return undefined

  const maxConnections = integer(parameters.get('pool_max_conns') ?? '10', 1, 500)
  const connectTimeoutSeconds = integer(parameters.get('connect_timeout') ?? '3', 1, 60)
  const statementTimeoutMs = integer(parameters.get('statement_timeout') ?? '5000', 0, 3_600_000)
  const startTimeoutSeconds = integer(parameters.get('start_timeout') ?? '30', 0, 600)
  if (maxConnections === undefined || statementTimeoutMs === undefined) return undefined
  if (connectTimeoutSeconds === undefined || startTimeoutSeconds === undefined) return undefined

  const applicationName = parameters.get('application_name') ?? 'articles'
  for (const name of ownParameters) parameters.delete(name)
  // Without this parameter the driver treats every other mode as verify-full, and warns on stderr.
  if (parameters.has('sslmode')) parameters.set('uselibpqcompat', 'true')
  return {
    connectionString: url.href,
    applicationName,
    maxConnections,
    connectTimeoutMs: connectTimeoutSeconds * 1_000,
    statementTimeoutMs,
    startTimeoutMs: startTimeoutSeconds * 1_000
  }
}

function integer (text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN
  return value >= min && value <= max ? value : undefined
}
