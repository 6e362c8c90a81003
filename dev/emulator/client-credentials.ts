import { timingSafeEqual, hash } from 'node:crypto'
import type { Tokens } from './tokens.ts'

/** An app client with a secret: a machine that signs in with the grant `client_credentials`. */
export interface MachineClient {
  clientId: string
  clientSecret: string
  /** The custom scopes that the client may request, such as `articles/read`. */
  scopes: readonly string[]
}

/** A response of the token endpoint: its status and its JSON body. */
export type TokenResponse = [status: number, body: object]

/**
 * Answers `POST /oauth2/token` for the grant `client_credentials`, with Basic or body credentials (RFC 6749
 * 2.3.1, 4.4). Errors have Cognito's status, which is 400 for each of them.
 * https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
 * @param form the body, of the type `application/x-www-form-urlencoded`
 */
export function grantClientCredentials (tokens: Tokens, clients: readonly MachineClient[], authorization: string | undefined, form: string): TokenResponse {
  const parameters = new URLSearchParams(form)
  const grantType = parameters.get('grant_type')
  if (grantType === null) return refuse('invalid_request')

  const credentials = readBasic(authorization) ?? { clientId: parameters.get('client_id'), clientSecret: parameters.get('client_secret') }
  const client = clients.find(({ clientId }) => clientId === credentials.clientId)
  if (client === undefined || !isEqual(client.clientSecret, credentials.clientSecret ?? '')) return refuse('invalid_client')
  if (grantType !== 'client_credentials') return refuse('unsupported_grant_type')

  // Without `scope`, Cognito grants all scopes of the client.
  const asked = parameters.get('scope')?.split(' ').filter(scope => scope !== '') ?? []
  if (asked.some(scope => !client.scopes.includes(scope))) return refuse('invalid_scope')
  return [200, tokens.grantToClient(client.clientId, asked.length > 0 ? asked : client.scopes)]
}

function refuse (error: string): TokenResponse {
  return [400, { error }]
}

function readBasic (authorization = ''): { clientId: string, clientSecret: string } | undefined {
  const [, encoded] = /^basic +([\w+/=]+)$/i.exec(authorization) ?? []
  if (encoded === undefined) return undefined
  const [clientId = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':')
  return { clientId: decodeForm(clientId), clientSecret: decodeForm(rest.join(':')) }
}

// RFC 6749 2.3.1: both parts of Basic credentials are form-encoded first.
function decodeForm (text: string): string {
  return new URLSearchParams(`value=${text}`).get('value') ?? ''
}

function isEqual (left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'))
}
