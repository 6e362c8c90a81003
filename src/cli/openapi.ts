import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Fastify from 'fastify'
import { app } from '../app.ts'
import { serverOptions } from '../http/server-options.ts'
import { readConfig } from '../config.ts'
import { makeFolder } from '../database/make-folder.ts'

const [path] = process.argv.slice(2)
if (path === undefined || path === '--help') {
  console.log('node src/cli/openapi.ts FILE: writes the OpenAPI document of the service to FILE.')
} else {
  const config = readConfig({
    AWS_USER_POOLS_ID: 'eu-west-1_None',
    AWS_APP_CLIENT_ID: 'none',
    // The document needs no keys. The discard port serves none.
    AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: 'http://127.0.0.1:9',
    DATABASE_URL: 'sqlite::memory:',
    LOG_LEVEL: 'silent',
    // The webhook's route exists with a secret only.
    POST_CONFIRMATION_SECRET: `whsec_${'A'.repeat(32)}`
  })
  const server = Fastify(serverOptions(config))
  await server.register(app, config)
  await server.ready()
  makeFolder(dirname(path))
  writeFileSync(path, JSON.stringify(await server.swagger(), null, 2))
  await server.close()
}
