import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { machineClient, seedUsers, type Emulator } from './emulator.ts'

const SignedInSchema = Type.Object({ AuthenticationResult: Type.Object({ IdToken: Type.String() }) })

const headers = {
  'X-Amz-Target': 'AWSCognitoIdentityProviderService.InitiateAuth',
  'Content-Type': 'application/x-amz-json-1.1'
}

/** What a developer needs to begin; the commands need curl and a POSIX shell only. */
export async function welcome (address: string, emulator: Emulator, dataDirectory: string): Promise<string> {
  const token = await signIn(emulator)
  const authorization = quote(`Authorization: Bearer ${token}`)
  const signInHeaders = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`).join(' ')
  const users = Object.values(seedUsers).map(({ username, password, email, group }) => `  ${username}, password ${password}, ${email}, in the group ${group}`)
  return [
    `The service listens on ${address}, which is also its page for a browser; a Cognito emulator on ${emulator.endpoint}.`,
    `User pool ${emulator.userPoolId}, app client ${emulator.clientId}; data is kept in ${dataDirectory}. Ctrl-C stops both.`,
    '',
    'Two users can sign in, with username or e-mail address:',
    ...users,
    '',
    'List articles:',
    `  curl -sS ${address}/articles -H ${authorization}`,
    '',
    'Create one:',
    `  curl -sS ${address}/articles -H ${authorization} -H 'Content-Type: application/json' -d '{"name":"My first article"}'`,
    '',
    'Get a fresh token; the one above lasts an hour:',
    `  curl -sS ${emulator.endpoint}/ ${signInHeaders} -d ${quote(signInBody(emulator))} | sed 's/.*"IdToken":"\\([^"]*\\)".*/\\1/'`,
    '',
    'Get a token for a machine client, whose scopes let it read and write articles:',
    `  curl -sS ${emulator.endpoint}/oauth2/token -u ${quote(`${machineClient.clientId}:${machineClient.clientSecret}`)} -d grant_type=client_credentials`
  ].join('\n')
}

async function signIn (emulator: Emulator): Promise<string> {
  const response = await fetch(emulator.endpoint, { method: 'POST', headers, body: signInBody(emulator) })
  const body: unknown = await response.json()
  if (!Value.Check(SignedInSchema, body)) throw new Error(`The emulator signs nobody in: ${JSON.stringify(body)}`)
  return body.AuthenticationResult.IdToken
}

function signInBody ({ clientId }: Emulator): string {
  const { username, password } = seedUsers.alice
  return JSON.stringify({ AuthFlow: 'USER_PASSWORD_AUTH', ClientId: clientId, AuthParameters: { USERNAME: username, PASSWORD: password } })
}

function quote (text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
