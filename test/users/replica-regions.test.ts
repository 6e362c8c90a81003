import t from 'tap'
import { listIssuers } from '../../plugins/cognito-auth/issuers.ts'
import { cognitoAuthOptions } from '../../src/cognito/auth-options.ts'
import { poolIssuers } from '../../src/cognito/pool-issuers.ts'
import { readConfig } from '../../src/config.ts'

const env = { AWS_USER_POOLS_ID: 'eu-west-1_Test00001', AWS_APP_CLIENT_ID: 'client1', COGNITO_REPLICA_REGIONS: 'eu-central-1' }

t.test('the issuers of COGNITO_REPLICA_REGIONS are accepted and are the same identities', async t => {
  const config = readConfig(env)
  t.strictSame(cognitoAuthOptions(config).replicaRegions, ['eu-central-1'])
  const issuers = listIssuers(config).map(({ name, original }) => [name, original])
  const original = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Test00001'
  t.strictSame(issuers.filter(([name]) => name?.includes('eu-central-1')), [
    ['https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Test00001', original],
    ['https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Test00001', original]
  ])
  t.strictSame([...poolIssuers(config)], [['eu-west-1_Test00001', original]])
})

t.test('another endpoint than AWS has no replica regions', async t => {
  const config = readConfig({ ...env, AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: 'https://cognito.example.com' })
  t.equal(cognitoAuthOptions(config).replicaRegions, undefined)
})
