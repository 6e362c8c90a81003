import { startEmulator } from './emulator.ts'

const usage = `node dev/cognito.ts is the Cognito emulator alone, for services that run elsewhere, such as in containers.

  HOST, PORT          where it listens, 127.0.0.1 and 9229
  COGNITO_ENDPOINT    the address that browsers call it at, and so that of its tokens' issuer; http://127.0.0.1:<PORT>
  COGNITO_DATA        the folder of its users and its signing key, data/cognito
  AWS_USER_POOLS_ID, AWS_APP_CLIENT_ID   the user pool and the app client that it has`

const { HOST: host, PORT: port = '9229', COGNITO_ENDPOINT: endpoint, COGNITO_DATA: dataDirectory = 'data/cognito' } = process.env
const { AWS_USER_POOLS_ID: userPoolId, AWS_APP_CLIENT_ID: clientId } = process.env

if (process.argv.length > 2) {
  console.log(usage)
} else {
  const emulator = await startEmulator({
    dataDirectory,
    port: Number(port),
    ...(host && { host }),
    ...(endpoint && { endpoint }),
    ...(userPoolId && { userPoolId }),
    ...(clientId && { clientId }),
    onMessage: ({ email, purpose, code }) => console.log(`E-mail to ${email}, ${purpose}: the code is ${code}`)
  })
  console.log(`The user pool ${emulator.userPoolId} is at ${emulator.endpoint}; its app client is ${emulator.clientId}.`)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, async () => emulator.close())
}
