import { machineClient, seedUsers, type Emulator } from './emulator.ts'

/** The first screen of `npm run dev`. Its commands need curl, sed and a POSIX shell. */
export function welcome (address: string, emulator: Emulator, dataDirectory: string): string {
  const users = Object.values(seedUsers).map(({ username, password, email, group }) =>
    `  ${username.padEnd(8)} password ${password}   ${email.padEnd(20)} group ${group}`)
  return [
    '',
    `The service listens on ${address}. Open this address in a browser.`,
    `The Cognito emulator listens on ${emulator.endpoint} (user pool ${emulator.userPoolId}, app client ${emulator.clientId}).`,
    '',
    'Sign in with the username or the e-mail address:',
    ...users,
    '',
    'Call the API from another terminal. The token lasts an hour:',
    `  TOKEN=$(${signInCommand(emulator)})`,
    `  curl -H "Authorization: Bearer $TOKEN" ${address}/me`,
    `  curl -H "Authorization: Bearer $TOKEN" ${address}/articles`,
    `  curl -H "Authorization: Bearer $TOKEN" ${address}/articles -H 'Content-Type: application/json' -d '{"name":"My first article"}'`,
    '',
    'A machine client may read and write articles too. Get a token for it:',
    `  curl -s ${emulator.endpoint}/oauth2/token -u ${quote(`${machineClient.clientId}:${machineClient.clientSecret}`)} -d grant_type=client_credentials`,
    '',
    `Confirmation codes appear below. The data is in ${dataDirectory}. Ctrl-C stops both servers.`
  ].join('\n')
}

/** A shell command that prints an id token. */
function signInCommand ({ endpoint, clientId }: Emulator): string {
  const { username, password } = seedUsers.alice
  const target = 'X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth'
  const body = { AuthFlow: 'USER_PASSWORD_AUTH', ClientId: clientId, AuthParameters: { USERNAME: username, PASSWORD: password } }
  return `curl -s ${endpoint} -H ${quote(target)} -d ${quote(JSON.stringify(body))} | sed 's/.*"IdToken":"\\([^"]*\\)".*/\\1/'`
}

function quote (text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
