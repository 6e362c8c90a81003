import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { handler } from '../deploy/aws/post-confirmation.ts'
import { readConfig } from '../src/config.ts'
import { machineClient, startEmulator, type Emulator } from './emulator.ts'
import { startService, untilReady } from './service.ts'
import { buildWeb } from '../web/build.ts'
import { welcome } from './welcome.ts'

const usage = `npm run dev starts the service with SQLite, and a Cognito emulator. It needs no AWS account and no other server.
It prints two users and some commands, and later each confirmation code. Ctrl-C stops both servers. The data stays.

  PORT           the port of the service (default: 8000)
  COGNITO_PORT   the port of the emulator (default: 9229)
  DEV_DATA       the folder of all data (default: data/dev, with another COGNITO_PORT data/dev/<port>, because the
                 port is part of the issuer and therefore of each user's identity)

The service reads all its variables as with npm start. These have other defaults: USER_PROVISIONING=auto,
LOG_LEVEL=warn, DATABASE_URL=sqlite:<DEV_DATA>/articles.db, and the variables of the user pool.`

const endpointVariable = 'AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER'
const defaultCognitoPort = 9229

const stop = new AbortController()
// Each signal may arrive twice: the terminal signals every process, and npm passes the signal on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort())

endWithNpm()
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
// Idle connections of fetch would keep the process alive for some seconds.
process.exit()

async function main (args: string[]): Promise<number> {
  if (args.length === 0) return develop()
  if (!args.every(arg => arg === '--help' || arg === '-h')) throw new Error(`npm run dev takes no arguments but --help; it got ${args.join(' ')}`)
  console.log(usage)
  return 0
}

async function develop (): Promise<number> {
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim()))
  const cognitoPort = readPort('COGNITO_PORT', given.COGNITO_PORT ?? `${defaultCognitoPort}`)
  const dataDirectory = given.DEV_DATA ?? join('data/dev', cognitoPort === defaultCognitoPort ? '' : `${cognitoPort}`)
  const ownEndpoint = `http://127.0.0.1:${cognitoPort}`
  const elsewhere = given[endpointVariable] !== undefined && given[endpointVariable] !== ownEndpoint
  if (elsewhere) {
    throw new Error(`${endpointVariable}: held ${JSON.stringify(given[endpointVariable])}; npm run dev has a Cognito of its own: unset it, or use npm start`)
  }

  const env = {
    AWS_USER_POOLS_ID: 'local_Articles',
    AWS_APP_CLIENT_ID: 'articlesdev',
    [endpointVariable]: ownEndpoint,
    // The SDK needs credentials to sign its requests. The emulator does not check the signature.
    AWS_ACCESS_KEY_ID: 'dev',
    AWS_SECRET_ACCESS_KEY: 'dev',
    USER_PROVISIONING: 'auto',
    DATABASE_URL: `sqlite:${join(dataDirectory, 'articles.db')}`,
    LOG_LEVEL: 'warn',
    POST_CONFIRMATION_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    ...given
  }
  env.AWS_APP_CLIENT_ID += `,${machineClient.clientId}`
  const { host, port, userPoolIds: [userPoolId], clientIds: [clientId] } = readConfig(env)
  readPort('PORT', `${port}`)
  await requireFreePort(port, host, 'PORT')

  await buildWeb().catch(error => { throw new Error(`The pages cannot be built: ${error instanceof Error ? error.message : error}`, { cause: error }) })
  Object.assign(process.env, { POST_CONFIRMATION_URL: `${addressOf(host, port)}/cognito/post-confirmation`, POST_CONFIRMATION_SECRET: env.POST_CONFIRMATION_SECRET })
  const emulator = await startEmulator({
    dataDirectory: join(dataDirectory, 'cognito'),
    port: cognitoPort,
    ...(userPoolId && { userPoolId }),
    ...(clientId && { clientId }),
    // The Lambda of deploy/aws: a confirmed sign-up becomes a local user at once.
    onPostConfirmation: async event => { await handler(event) },
    onMessage: ({ email, purpose, code }) => console.log(`E-mail to ${email}, ${purpose}: the code is ${code}`)
  }).catch(error => { throw portTaken(error, cognitoPort, 'COGNITO_PORT') })
  try {
    return await serve(env, addressOf(host, port), emulator, dataDirectory)
  } finally {
    await emulator.close()
  }
}

/** Runs the service until it ends, or until a signal arrives. Returns the exit status. */
async function serve (env: Record<string, string>, address: string, emulator: Emulator, dataDirectory: string): Promise<number> {
  const service = startService(env)
  const stopped = new Promise<0>(resolve => {
    if (stop.signal.aborted) resolve(0)
    stop.signal.addEventListener('abort', () => resolve(0))
  })
  const over = Promise.race([service.exited, stopped])
  const ended = new AbortController()
  over.then(() => ended.abort(), () => ended.abort())
  try {
    await Promise.race([over, untilReady(address, ended.signal)])
    if (!ended.signal.aborted) console.log(welcome(address, emulator, dataDirectory))
    const result = await over
    if (typeof result === 'string') console.error(`The service was ended by ${result}.`)
    return result === 0 ? 0 : 1
  } finally {
    await service.stop()
  }
}

// npm runs a script in a shell, and most shells do not forward signals. When npm is stopped, this process
// only loses its parent.
function endWithNpm (): void {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  setInterval(() => { if (process.ppid !== parent) stop.abort() }, 500).unref()
}

/** @throws {Error} when the port is in use */
async function requireFreePort (port: number, host: string, variable: string): Promise<void> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', error => reject(portTaken(error, port, variable))).listen(port, host, () => probe.close(() => resolve()))
  })
}

function portTaken (error: unknown, port: number, variable: string): unknown {
  const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  return taken ? new Error(`Port ${port} is taken. Stop what listens there, or set ${variable}.`) : error
}

function readPort (variable: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text)
  throw new Error(`${variable}: held ${JSON.stringify(text)}; npm run dev takes a port number, 1 to 65535`)
}

function addressOf (host: string, port: number): string {
  const reachable = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
