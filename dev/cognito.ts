import { startEmulator } from './emulator.ts'

const usage = `node dev/cognito.ts starts the Cognito emulator without the service, which may run in a container.

  HOST, PORT          the address of the listener (default: 127.0.0.1 and 9229)
  COGNITO_ENDPOINT    the public address, which is part of the issuer (default: http://127.0.0.1:<PORT>)
  COGNITO_DATA        the folder of the users and the signing key (default: data/cognito)
  AWS_USER_POOLS_ID   the id of the user pool (default: local_Articles)
  AWS_APP_CLIENT_ID   the id of the app client (default: articlesdev)`

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
  console.log(`The user pool ${emulator.userPoolId} listens on ${emulator.endpoint}. Its app client is ${emulator.clientId}.`)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, async () => emulator.close())
}
